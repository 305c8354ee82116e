import type { Clock } from '@flotilla/kernel';

/** What each call adds: one retry for ten calls. */
const perCall = 0.1;
/** Retries a second that are always allowed, for callers that call seldom. */
const perSecond = 3;
/** The most that can be saved up. */
const most = 100;

/**
 * Keeps retries from becoming the load that keeps a service down: a token bucket filled by calls and, slowly, by time
 * (Finagle's RetryBudget).
 */
export class RetryBudget {
  readonly #clock: Clock;
  #tokens = perSecond;
  #filledAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledAt = clock.monotonic();
  }

  onCall(): void {
    if (this.#tokens < most) this.#tokens += perCall;
  }

  /** Takes a retry out of the budget; false when there is none. */
  take(): boolean {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) / 1_000) * perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
