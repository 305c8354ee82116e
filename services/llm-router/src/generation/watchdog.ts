import type { Clock, Timer } from '@flotilla/kernel';

/** How exact the limits of time are, in milliseconds. */
const tickMs = 25;

export interface Watched {
  /** Called every tick with the clock's monotonic milliseconds. */
  check(now: number): void;
}

/** One timer for the limits of all requests, while there are any: none per request, and none per token. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= this.#clock.every(tickMs, () => this.#tick());
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    for (const watched of this.#watched) watched.check(now);
    // Stopped by the tick, not by the last request: a request after the other would start it anew each time.
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
