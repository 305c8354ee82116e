import type { Queryable } from '@flotilla/database';
import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { DAY_MS } from '../calendar.ts';
import { ledgerMetrics } from './ledger.metrics.ts';

const log = logger('rate-limiter');

export interface RetentionOptions {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly days: number;
}

/** After a start: a process that is replaced every day must sweep too. */
const FIRST_SWEEP_MS = 60_000;
const ROWS_AT_A_TIME = 1_000;

// Replicas that sweep at once take different rows.
const SWEEP = `
with old as (
  select org_id, request_id from limits.quota_log where at < to_timestamp($1::float8 / 1000)
  order by at limit ${ROWS_AT_A_TIME} for update skip locked
), swept as (
  delete from limits.quota_log as q using old
  where q.org_id = old.org_id and q.request_id = old.request_id returning 1
)
select count(*)::int as rows from swept`;

/** Lets go of the rows of the quota log that are older than the retention, once a day. The sums by day stay. */
export class LedgerRetention {
  readonly #options: RetentionOptions;
  #timers: Timer[] = [];
  #sweeping: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    const sweep = () => void (this.#sweeping ??= this.#sweepOrTell());
    this.#timers = [clock.after(FIRST_SWEEP_MS, sweep), clock.every(DAY_MS, sweep)];
  }

  /** Resolves when the statement under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#sweeping;
  }

  async sweep(): Promise<void> {
    const { database, clock, days } = this.#options;
    const before = clock.now() - days * DAY_MS;
    while (!this.#stopped) {
      const [swept] = await database.query<{ rows: number }>(SWEEP, [before]);
      ledgerMetrics.swept(swept!.rows);
      if (swept!.rows < ROWS_AT_A_TIME) return;
    }
  }

  async #sweepOrTell(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      log.warn('the quota log could not be swept; it is tried again tomorrow', { code: toFlotillaError(error).code });
    } finally {
      this.#sweeping = undefined;
    }
  }
}
