import { sleep, type Clock } from '@flotilla/kernel';
import { KubeError } from '../kube-error.ts';

/**
 * A token bucket over calls: `perSecond` of them, and as many as two seconds give at once. Who would wait longer than
 * `mostMs` is refused at once, which bounds how many wait.
 */
export class CallRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #mostMs: number;
  #tokens: number;
  #at: number;

  constructor(options: { clock: Clock; perSecond: number; mostMs: number }) {
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#mostMs = options.mostMs;
    this.#tokens = this.#burst;
    this.#at = options.clock.monotonic();
  }

  get #burst(): number {
    return Math.max(1, this.#perSecond * 2);
  }

  /** Resolves when the call may go. */
  async take(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    const waitMs = ((1 - this.#tokens) / this.#perSecond) * 1_000;
    if (waitMs > this.#mostMs) {
      throw new KubeError(
        'unavailable',
        `this process may make ${this.#perSecond} calls a second to the cluster's API`,
        {
          retryAfterMs: waitMs,
        },
      );
    }
    this.#tokens -= 1;
    if (waitMs > 0) await sleep(this.#clock, waitMs, signal);
  }
}
