import type { Clock, Timer } from '@flotilla/kernel';
import { toFlotillaError } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { published } from './orchestrator.metrics.ts';
import type { OutboxEvent, OutboxRow, OutboxStore } from './turn-store.ts';

const log = logger('orchestrator');

export interface OutboxOptions {
  readonly store: OutboxStore;
  /** Resolves when the bus has it. */
  readonly publish: (event: OutboxEvent) => Promise<void>;
  readonly clock: Clock;
  readonly pollMs: number;
  readonly claimMs: number;
}

/** Events published at a time. */
const GROUP = 256;
/** Events of this replica that wait in memory; further ones wait in the database until their claim ends. */
const MAX_READY = 10_000;

/**
 * Takes events from the database to the bus, in order, and deletes what the bus acknowledged. Rows written here are handed
 * over in memory (`offer`); a slow poll finds those of other replicas and of runs before this one. At least once: consumers
 * know an event by its id. While the bus is away everything stays in the database.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #ready: OutboxRow[] = [];
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

  /** Rows that this replica has just written and holds the claim on. */
  offer(rows: readonly OutboxRow[]): void {
    if (this.#ready.length + rows.length > MAX_READY) return;
    for (const row of rows) this.#ready.push(row);
    if (!this.#away) void this.wake(false);
  }

  /** Publishes what waits; resolves when nothing is left or the bus does not take it. */
  wake(look: boolean): Promise<void> {
    return (this.#working ??= this.#work(look).finally(() => {
      this.#working = undefined;
      // Offered while the last look ended.
      if (this.#ready.length > 0 && !this.#away) void this.wake(false);
    }));
  }

  /** Publishes what there is and takes no more. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#poll?.cancel();
    this.#poll = undefined;
    await this.#working;
    if (!signal?.aborted) await this.wake(true);
  }

  async #work(look: boolean): Promise<void> {
    try {
      for (;;) {
        const group = await this.#next(look);
        if (group.length === 0 || !(await this.#publishGroup(group))) return;
      }
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
    const { store, publish } = this.#options;
    // Handed to the bus in order, and acknowledged in any.
    const results = await Promise.allSettled(group.map((row) => publish(row)));
    const done = group.filter((_, at) => results[at]!.status === 'fulfilled');
    for (const { topic } of done) published.add(1, { topic });
    if (done.length > 0) await store.remove(done.map(({ id }) => id));
    if (done.length === group.length) {
      this.#away = false;
      return true;
    }
    // The bus is away: what waits goes back to the database, where the next poll finds it in order.
    this.#away = true;
    const left = [...group.filter((row) => !done.includes(row)), ...this.#ready.splice(0)];
    log.warn('the bus did not take events; they wait in the database', { events: left.length });
    await store.release(left.map(({ id }) => id));
    return false;
  }
}
