import type { Clock } from '@flotilla/kernel';

export interface BackOffSettings {
  /** Milliseconds before the second restart; the first comes at once. */
  firstMs: number;
  mostMs: number;
}

/** Kubelet's. */
export const defaultBackOff: BackOffSettings = { firstMs: 10_000, mostMs: 300_000 };

/** How long a container that ended waits for its next start: longer each time, until it has run for long. */
export class BackOff {
  readonly #settings: BackOffSettings;
  readonly #clock: Clock;
  #restarts = 0;
  #startedAt = 0;

  constructor(settings: BackOffSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  started(): void {
    this.#startedAt = this.#clock.monotonic();
  }

  /** Milliseconds. */
  next(): number {
    const { firstMs, mostMs } = this.#settings;
    if (this.#clock.monotonic() - this.#startedAt > 2 * mostMs) this.#restarts = 0;
    const restarts = this.#restarts;
    this.#restarts += 1;
    return restarts === 0 ? 0 : Math.min(mostMs, firstMs * 2 ** Math.min(restarts - 1, 16));
  }
}
