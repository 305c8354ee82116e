import type { events, limits } from '@flotilla/contracts';
import { migrate, type Database } from '@flotilla/database';
import { FlotillaError, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Ledger, LedgerSubject, PeriodUsage } from './ledger.ts';
import { PostgresLedger } from './ledger.postgres.ts';
import { limitsMigrations } from './migrations.ts';
import { LedgerRetention } from './retention.ts';

const log = logger('rate-limiter');

/** Milliseconds between tries to reach a database that was away at the start. */
const RETRY_MS = 1_000;

export interface KeptLedgerOptions {
  readonly open: () => Promise<Database>;
  readonly clock: Clock;
  readonly ledgerTimeoutMs: number;
  readonly quotaLogRetentionDays: number;
}

/**
 * The ledger with what keeps it: its database, its tables and its retention. A database that is away holds up no start, since limits
 * can be decided without it: until it is there the ledger is `unavailable`.
 */
export class KeptLedger implements Ledger {
  readonly #options: KeptLedgerOptions;
  #kept: { readonly ledger: PostgresLedger; readonly retention: LedgerRetention } | undefined;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: KeptLedgerOptions) {
    this.#options = options;
  }

  /** Throws when the database is there and its tables cannot be made. */
  async start(): Promise<void> {
    const { open, clock, ledgerTimeoutMs, quotaLogRetentionDays } = this.#options;
    try {
      const database = await open();
      await migrate(database, limitsMigrations);
      if (this.#stopped) return;
      const ledger = new PostgresLedger({ database, clock, timeoutMs: ledgerTimeoutMs });
      const retention = new LedgerRetention({ database, clock, days: quotaLogRetentionDays });
      retention.start();
      this.#kept = { ledger, retention };
    } catch (error) {
      if (toFlotillaError(error).code !== 'unavailable') throw error;
      log.warn('the ledger has no database yet; usage waits on the bus');
      if (!this.#stopped) this.#retry = clock.after(RETRY_MS, () => void this.#startAgain());
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    await this.#kept?.retention.stop();
  }

  async record(records: readonly events.UsageRecorded[]): Promise<void> {
    return this.#ledger().record(records);
  }

  async usage(request: limits.GetUsageRequest): Promise<limits.GetUsageResponse> {
    return this.#ledger().usage(request);
  }

  async used(orgId: string, subjects: readonly LedgerSubject[]): Promise<PeriodUsage[]> {
    return this.#ledger().used(orgId, subjects);
  }

  #ledger(): PostgresLedger {
    if (this.#kept) return this.#kept.ledger;
    throw new FlotillaError('unavailable', 'The ledger has no database yet.');
  }

  async #startAgain(): Promise<void> {
    await this.start().catch((error: unknown) => log.error('the tables of the ledger cannot be made', { error }));
  }
}
