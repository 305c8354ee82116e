import type { Clock, Timer } from '@flotilla/kernel';

/** How exact the limits of time are, in milliseconds. */
const tickMs = 25;
/** A tick that comes later than this stood behind other work of this process. */
const stalledMs = 4 * tickMs;

export interface Watched {
  /** Called every tick with the clock's monotonic milliseconds. */
  check(now: number): void;
}

/** One timer for the limits of all requests, while there are any: none per request, and none per token. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;
  #tickedAt = 0;
  #passedOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer) return;
    this.#tickedAt = this.#clock.monotonic();
    this.#timer = this.#clock.every(tickMs, () => this.#tick());
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    if (!this.#readsFirst(now)) for (const watched of this.#watched) watched.check(now);
    // Stopped by the tick, not by the last request: a request after the other would start it anew each time.
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
  /**
   * Timers go before sockets: what engines sent while this process stood still is read only after this tick, and is not
   * late. Once in a row, or a process that always stands still would keep no limit.
   */
  #readsFirst(now: number): boolean {
    this.#passedOver = !this.#passedOver && now - this.#tickedAt > stalledMs;
    this.#tickedAt = now;
    return this.#passedOver;
  }
}
