import { groupedWriter, sqlState, type GroupedWriter } from '@flotilla/database';
import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { unwrittenRows } from './orchestrator.metrics.ts';
import type { TurnRow } from './turn-record.ts';
import type { OutboxRow, TurnStore } from './turn-store.ts';

const log = logger('orchestrator');

export interface JournalOptions {
  readonly store: TurnStore;
  readonly clock: Clock;
  /** Told of the outbox row of each commit. */
  readonly onWritten: (row: OutboxRow) => void;
  readonly maxRows: number;
  /** Milliseconds that rows nobody waits for wait for company. */
  readonly waitMs: number;
  readonly maxPending: number;
  readonly claimMs: number;
}

/** Milliseconds between tries to write what the database refused. */
const RETRY_MS = 1_000;

/**
 * Writes what chat calls came to, in groups. What the database refuses is kept (up to `maxPending` rows) and tried again until it
 * is written: a call's usage is written once, since its request id is unique.
 */
export class TurnJournal {
  readonly #options: JournalOptions;
  /** Somebody waits for the commit. */
  readonly #awaited: GroupedWriter<TurnRow>;
  readonly #background: GroupedWriter<TurnRow>;
  #refused: TurnRow[] = [];
  #retry: Timer | undefined;

  constructor(options: JournalOptions) {
    const { clock, maxRows, waitMs, maxPending } = options;
    this.#options = options;
    const write = (rows: TurnRow[]) => this.#write(rows);
    this.#awaited = groupedWriter({ write, maxRows, maxWaitMs: 0, maxPending, clock });
    this.#background = groupedWriter({ write, maxRows, maxWaitMs: waitMs, maxPending, clock });
  }

  /** Resolves when it is committed. When it cannot be, rejects; its usage is then kept as that of a failed call, without the turn. */
  async commit(row: TurnRow): Promise<void> {
    try {
      await this.#awaited.add(row);
    } catch (error) {
      const { turn: _, ...usage } = row;
      this.#keep({ ...usage, outcome: 'failed' });
      throw error;
    }
  }

  /** Writes it in its time. */
  record(row: TurnRow): void {
    this.#background.add(row).catch(() => this.#keep(row));
  }

  /** Resolves when all is written, or was refused once more. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    await Promise.all([this.#awaited.close(), this.#background.close()]);
    await this.#writeRefused();
    this.#retry?.cancel();
    if (this.#refused.length > 0)
      log.error('usage is lost: the database did not take it', { rows: this.#refused.length });
  }

  async #write(rows: readonly TurnRow[]): Promise<void> {
    const { store, claimMs, onWritten } = this.#options;
    const events = await store.write(rows, claimMs);
    if (events) onWritten(events);
  }

  #keep(row: TurnRow): void {
    if (this.#refused.length >= this.#options.maxPending) {
      log.error('usage is lost: too much waits for the database', { requestId: row.caller.requestId });
      return;
    }
    this.#refused.push(row);
    unwrittenRows.set(this.#refused.length);
    this.#retry ??= this.#options.clock.after(RETRY_MS, () => void this.#writeRefused());
  }

  async #writeRefused(): Promise<void> {
    this.#retry = undefined;
    const rows = this.#refused;
    this.#refused = [];
    for (let at = 0; at < rows.length; at += 1) {
      try {
        // One by one: a row that cannot be written holds up no other.
        await this.#write([rows[at]!]);
      } catch (error) {
        const state = sqlState(error);
        if (state?.startsWith('22') || state?.startsWith('23')) {
          log.error('usage is lost: its values cannot be written', { requestId: rows[at]!.caller.requestId, state });
          continue;
        }
        log.warn('usage waits for the database', { rows: rows.length - at, code: toFlotillaError(error).code });
        for (const row of rows.slice(at)) this.#keep(row);
        break;
      }
    }
    unwrittenRows.set(this.#refused.length);
  }
}
