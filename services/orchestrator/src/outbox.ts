import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { published } from './orchestrator.metrics.ts';
import type { OutboxEvent, OutboxRow, OutboxStore } from './turn-store.ts';

const log = logger('orchestrator');

export interface OutboxOptions {
  readonly store: OutboxStore;
  /** Resolves when the bus has it. */
  readonly publish: (commit: readonly OutboxEvent[]) => Promise<void>;
  readonly clock: Clock;
  readonly pollMs: number;
  readonly claimMs: number;
}

/** Commits published at a time; one has the events of 256 calls at most. */
const GROUP = 4;
/** Commits of this replica that wait in memory; further ones wait in the database until their claim ends. */
const MAX_READY = 256;
/** Acknowledged commits that are deleted together; until the next poll they may wait for each other. */
const REMOVED_TOGETHER = 32;

/**
 * Takes events from the database to the bus, in order, and deletes what the bus acknowledged. Rows written here are handed
 * over in memory (`offer`); a slow poll finds those of other replicas and of runs before this one. At least once: consumers
 * know an event by its id. While the bus is away everything stays in the database.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #ready: OutboxRow[] = [];
  #acknowledged: string[] = [];
  #working: Promise<void> | undefined;
  #poll: Timer | undefined;
  #away = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, pollMs } = this.#options;
    this.#poll = clock.every(pollMs, () => void this.wake(true));
    void this.wake(true);
  }

  /** A row that this replica has just written and holds the claim on. */
  offer(row: OutboxRow): void {
    if (this.#ready.length >= MAX_READY) return;
    this.#ready.push(row);
    if (!this.#away) void this.wake(false);
  }

  /** Publishes what waits, with `look` also what waits in the database; resolves when nothing is left or the bus does not take it. */
  wake(look: boolean): Promise<void> {
    return (this.#working ??= this.#work(look).finally(() => {
      this.#working = undefined;
      // Offered while the last look ended.
      if (this.#ready.length > 0 && !this.#away) void this.wake(false);
    }));
  }

  /** Publishes what there is and takes no more. */
  async stop(): Promise<void> {
    this.#poll?.cancel();
    this.#poll = undefined;
    while (this.#working) await this.#working;
    await this.wake(true);
  }

  async #work(look: boolean): Promise<void> {
    try {
      for (;;) {
        const group = await this.#next(look);
        if (group.length === 0 || !(await this.#publishGroup(group))) break;
      }
      if (look || this.#acknowledged.length >= REMOVED_TOGETHER) await this.#remove();
    } catch (error) {
      log.warn('the outbox could not be read or written', { code: toFlotillaError(error).code });
    }
  }

  /** After an outage what went back to the database is older than what waits here. */
  async #next(look: boolean): Promise<readonly OutboxRow[]> {
    const { store, claimMs } = this.#options;
    if (look && (this.#away || this.#ready.length === 0)) {
      const rows = await store.claim(GROUP, claimMs);
      if (rows.length > 0) return rows;
    }
    return this.#ready.splice(0, GROUP);
  }

  async #publishGroup(group: readonly OutboxRow[]): Promise<boolean> {
    // Handed to the bus in order, and acknowledged in any.
    const results = await Promise.allSettled(group.map((row) => this.#publishRow(row)));
    const left = group.filter((_, at) => results[at]!.status === 'rejected');
    for (const row of group) if (!left.includes(row)) this.#acknowledged.push(row.id);
    this.#away = left.length > 0;
    if (!this.#away) return true;
    // The bus is away: what waits goes back to the database, where the next poll finds it in order.
    const waiting = [...left, ...this.#ready.splice(0)];
    log.warn('the bus did not take events; they wait in the database', { commits: waiting.length });
    await this.#options.store.release(waiting.map(({ id }) => id));
    return false;
  }

  async #publishRow({ events }: OutboxRow): Promise<void> {
    await this.#options.publish(events);
    for (const { topic } of events) published.add(1, { topic });
  }

  async #remove(): Promise<void> {
    if (this.#acknowledged.length === 0) return;
    const ids = this.#acknowledged;
    this.#acknowledged = [];
    try {
      await this.#options.store.remove(ids);
    } catch (error) {
      // Published again when their claim ends, were they forgotten here.
      this.#acknowledged.push(...ids);
      throw error;
    }
  }
}
