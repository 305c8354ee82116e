const windowMs = 1_000;

/** What was asked of something in the last second or two, from two counters: the second that runs and the one before. */
export class Demand {
  #startedAt = -Infinity;
  #requests = 0;
  #tokens = 0;
  #requestsBefore = 0;
  #tokensBefore = 0;

  add(now: number, tokens: number): void {
    this.#turn(now);
    this.#requests += 1;
    this.#tokens += tokens;
  }

  /** Requests in a second, and tokens a request on average. */
  rate(now: number): { requests: number; tokensEach: number } {
    this.#turn(now);
    const requests = this.#requests + this.#requestsBefore;
    return {
      requests: Math.max(this.#requests, this.#requestsBefore),
      tokensEach: requests === 0 ? 0 : (this.#tokens + this.#tokensBefore) / requests,
    };
  }

  #turn(now: number): void {
    const passed = now - this.#startedAt;
    if (passed < windowMs) return;
    const recent = passed < 2 * windowMs;
    this.#requestsBefore = recent ? this.#requests : 0;
    this.#tokensBefore = recent ? this.#tokens : 0;
    this.#requests = 0;
    this.#tokens = 0;
    this.#startedAt = recent ? this.#startedAt + windowMs : now;
  }
}
