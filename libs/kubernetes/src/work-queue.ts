import { systemClock, systemRandom, type Clock, type Random, type Timer } from '@flotilla/kernel';
import { counter, gauge, histogram, logger } from '@flotilla/telemetry';

export interface WorkQueueOptions {
  /** For metrics and logs. */
  name: string;
  /**
   * What is to be done about a key; never twice at once for one. May say when to look again, milliseconds. One that throws is
   * tried again after a pause that grows.
   */
  work(key: string, signal: AbortSignal): Promise<{ againMs: number } | void>;
  /** Keys worked on beside each other. Default 4. */
  workers?: number;
  clock?: Clock;
  random?: Random;
}

/** Keys to work on. Each is in it once, so it is never longer than there are keys. */
export interface WorkQueue {
  /** Work on it now, or again when it is being worked on. A key that failed waits a second from then at least. */
  add(key: string): void;
  /** The same after `ms` milliseconds, unless it is added before. Of several, the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Keys that wait to be worked on now. */
  readonly depth: number;
  /** Begins nothing new; resolves when nothing is being worked on. */
  drain(): Promise<void>;
  /** Tells what is being worked on to end, and waits for it. */
  stop(): Promise<void>;
}

const log = logger('kubernetes');
const depth = gauge({ name: 'flotilla_kubernetes_queue_depth', description: 'Keys that wait to be worked on' });
const duration = histogram({
  name: 'flotilla_kubernetes_queue_work_seconds',
  description: 'What work on a key takes, by how it ended',
  unit: 's',
});
const retries = counter({
  name: 'flotilla_kubernetes_queue_retries_total',
  description: 'Keys tried again after a failure',
});

/** Pauses after failures in a row, milliseconds. */
const firstPauseMs = 50;
const longestPauseMs = 300_000;
/** However often a key that failed is added, it is not tried more often than that. */
const failedAgainMs = 1_000;

/** How a key stands. Kept while there is something to know of it. */
interface Key {
  failures: number;
  failedAt: number;
  running: boolean;
  /** Added while it ran. */
  again: boolean;
  later: { at: number; timer: Timer } | undefined;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new Queue(options);
}

/** Milliseconds before a key is tried again after `failures` in a row: half to all of 50, 100, … up to 300,000. */
export function retryPauseMs(failures: number, random: Random): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 24)) * (0.5 + random.next() / 2);
}

class Queue implements WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  readonly #keys = new Map<string, Key>();
  /** Keys to work on now, the oldest first. */
  readonly #waiting = new Set<string>();
  readonly #stopping = new AbortController();
  #running = 0;
  #draining = false;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = { workers: 4, clock: systemClock, random: systemRandom, ...options };
  }

  get depth(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    const known = this.#keys.get(key);
    const waitMs = known && known.failures > 0 ? known.failedAt + failedAgainMs - this.#options.clock.monotonic() : 0;
    if (waitMs > 0 && !known?.running) this.addAfter(key, waitMs);
    else this.#addNow(key);
  }

  addAfter(key: string, ms: number): void {
    if (this.#draining) return;
    const state = this.#state(key);
    const at = this.#options.clock.monotonic() + ms;
    if (this.#waiting.has(key) || (state.later && state.later.at <= at)) return;
    state.later?.timer.cancel();
    const timer = this.#options.clock.after(ms, () => {
      state.later = undefined;
      this.#addNow(key);
    });
    state.later = { at, timer };
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#waiting.clear();
    depth.set(0, { queue: this.#options.name });
    for (const state of this.#keys.values()) state.later?.timer.cancel();
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.drain();
  }

  #addNow(key: string): void {
    if (this.#draining) return;
    const state = this.#state(key);
    state.later?.timer.cancel();
    state.later = undefined;
    if (state.running) state.again = true;
    else this.#waiting.add(key);
    this.#next();
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running >= this.#options.workers) break;
      this.#waiting.delete(key);
      void this.#run(key);
    }
    depth.set(this.#waiting.size, { queue: this.#options.name });
  }

  async #run(key: string): Promise<void> {
    const { clock, name, work } = this.#options;
    const state = this.#state(key);
    state.running = true;
    this.#running += 1;
    const began = clock.monotonic();
    let againMs: number | undefined;
    let outcome = 'done';
    try {
      againMs = (await work(key, this.#stopping.signal))?.againMs;
      state.failures = 0;
    } catch (error) {
      outcome = 'failed';
      state.failures += 1;
      state.failedAt = clock.monotonic();
      againMs = this.#pauseAfter(key, state, error);
    }
    duration.record((clock.monotonic() - began) / 1_000, { queue: name, outcome });
    state.running = false;
    this.#running -= 1;
    this.#after(key, state, againMs);
    if (this.#draining && this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#next();
  }

  #pauseAfter(key: string, { failures }: Key, error: unknown): number {
    const { name, random } = this.#options;
    const pauseMs = retryPauseMs(failures, random);
    if (!this.#draining) {
      retries.add(1, { queue: name });
      log.warn(`work of ${name} failed`, { key, failures, pause_ms: Math.round(pauseMs), error: String(error) });
    }
    return pauseMs;
  }

  #after(key: string, state: Key, againMs: number | undefined): void {
    if (againMs !== undefined) this.addAfter(key, againMs);
    if (state.again) {
      state.again = false;
      this.add(key);
    }
    if (state.failures === 0 && !state.later && !this.#waiting.has(key)) this.#keys.delete(key);
  }

  #state(key: string): Key {
    let state = this.#keys.get(key);
    if (!state) {
      state = { failures: 0, failedAt: 0, running: false, again: false, later: undefined };
      this.#keys.set(key, state);
    }
    return state;
  }
}
