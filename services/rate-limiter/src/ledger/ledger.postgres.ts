import type { events, limits } from '@flotilla/contracts';
import type { Queryable } from '@flotilla/database';
import { FlotillaError, within, type Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { ledgerMetrics } from './ledger.metrics.ts';
import { ledgerText } from './ledger-text.ts';
import type { Ledger, LedgerSubject, PeriodUsage } from './ledger.ts';
import { periodParameters, periodQuery, periodUsage, subjectKinds, type PeriodRow } from './period-query.ts';
import { namesItsRequest, recordColumns, timeOf, WRITE_RECORDS, type Written } from './record-write.ts';
import { usageAnswer, usageQuery, type SumRow } from './usage-query.ts';

const log = logger('rate-limiter');

export interface LedgerOptions {
  readonly database: Queryable;
  readonly clock: Clock;
  /** Milliseconds that one statement may take. */
  readonly timeoutMs: number;
}

/** The ledger in the PostgreSQL schema `limits`. */
export class PostgresLedger implements Ledger {
  readonly #options: LedgerOptions;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  async record(all: readonly events.UsageRecorded[]): Promise<void> {
    const { clock } = this.#options;
    const records = all.filter(namesItsRequest);
    if (records.length < all.length) {
      ledgerMetrics.dropped(all.length - records.length);
      log.error('usage of nobody was reported and dropped', { records: all.length - records.length });
    }
    if (records.length === 0) return;
    const started = clock.monotonic();
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      const [sums] = await this.#query<Written>(WRITE_RECORDS, recordColumns(records, clock.now()));
      outcome = 'ok';
      ledgerMetrics.recorded(sums!, records.length);
    } finally {
      ledgerMetrics.wrote(outcome, clock.monotonic() - started);
    }
    const now = clock.now();
    for (const record of records) ledgerMetrics.lagged(now - timeOf(record, now));
  }

  async usage(request: limits.GetUsageRequest): Promise<limits.GetUsageResponse> {
    const { sql, parameters } = usageQuery(request, this.#options.clock.now());
    return usageAnswer(await this.#query<SumRow>(sql, parameters));
  }

  async used(orgId: string, subjects: readonly LedgerSubject[]): Promise<PeriodUsage[]> {
    const now = this.#options.clock.now();
    const rows = new Map<string, PeriodRow>();
    for (const kind of subjectKinds) {
      const ids = subjects.filter((subject) => subject.kind === kind).map(({ id }) => id);
      if (ids.length === 0) continue;
      const found = await this.#query<PeriodRow>(periodQuery(kind), periodParameters(orgId, ids, now));
      for (const row of found) rows.set(`${kind} ${row.id}`, row);
    }
    return subjects.map(({ kind, id }) => periodUsage(rows.get(`${kind} ${ledgerText(id)}`)));
  }

  /** A statement that is given up may still be carried out; a repeated record changes nothing then. */
  async #query<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const { database, clock, timeoutMs } = this.#options;
    const query = database.query<Row>(sql, parameters);
    return within(
      clock,
      timeoutMs,
      query,
      () => new FlotillaError('unavailable', 'The ledger did not answer in time.'),
    );
  }
}
