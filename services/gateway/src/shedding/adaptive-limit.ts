/** Milliseconds and samples a window holds at least before it is judged. */
const windowMs = 1_000;
const windowSamples = 10;
/** Samples a window keeps at most; a median needs no more. */
const mostSamples = 1_000;
/** Milliseconds for which a window says how it is now. */
const newsMs = 60_000;
/** By how much one window may lower the limit. */
const steepest = 0.5;
/** Windows at the lowest limit after which what is measured is taken for usual (Envoy's number). */
const floorWindows = 5;

export interface AdaptiveLimitOptions {
  min: number;
  max: number;
  /** Times the usual latency that are still no sign of a queue. */
  tolerance: number;
  /** Milliseconds to the first token that are never late. */
  timelyMs: number;
}

/**
 * How many requests may be under way so that none queues for long: the gradient of Envoy's and Netflix's concurrency
 * limits, on the time to the first token. Each window of samples compares its median with what is usual. Above the
 * tolerance the limit falls in proportion, from what was really under way; below it, it grows by its square root, and
 * only when it was used. What is usual follows falling latency at once, and rising latency only while the cause cannot be
 * the number of requests: when few were under way, or when the limit stood at its lowest and it did not help.
 */
export class AdaptiveLimit {
  inFlight = 0;
  #limit: number;
  #usualMs: number | undefined;
  #recent: { ms: number; at: number } | undefined;
  #samples: number[] = [];
  #windowAt: number;
  #peak = 0;
  #loweredAt = Number.NEGATIVE_INFINITY;
  #atFloor = 0;

  constructor(
    private readonly options: AdaptiveLimitOptions,
    now: number,
  ) {
    this.#limit = options.max;
    this.#windowAt = now;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** The usual milliseconds to the first token; undefined until enough was seen. */
  get usualMs(): number | undefined {
    return this.#usualMs;
  }

  /** The median milliseconds to the first token of the last window, while it is news. */
  recentMs(now: number): number | undefined {
    return this.#recent && now - this.#recent.at < newsMs ? this.#recent.ms : undefined;
  }

  enter(): void {
    this.inFlight += 1;
    if (this.inFlight > this.#peak) this.#peak = this.inFlight;
  }

  leave(): void {
    this.inFlight -= 1;
  }

  /**
   * Milliseconds to the first token of a request that entered at `enteredAt`. One that entered before the limit was last
   * lowered says nothing of the limit as it is, so it is not counted: one step down for each round trip, as in TCP.
   */
  sample(ms: number, enteredAt: number, now: number): void {
    if (enteredAt < this.#loweredAt) return;
    if (this.#samples.length < mostSamples) this.#samples.push(ms);
    if (this.#samples.length >= windowSamples && now - this.#windowAt >= windowMs) this.#judge(now);
  }

  #judge(now: number): void {
    const median = this.#samples.sort((a, b) => a - b)[this.#samples.length >> 1]!;
    const peak = this.#peak;
    this.#samples = [];
    this.#windowAt = now;
    this.#peak = this.inFlight;
    this.#recent = { ms: median, at: now };
    const usual = this.#learn(median, peak);
    const { min, max, tolerance, timelyMs } = this.options;
    const allowedMs = Math.max(timelyMs, usual * tolerance);
    const before = this.#limit;
    const late = median > allowedMs;
    if (late) {
      const gradient = Math.max(steepest, allowedMs / median);
      const next = Math.min(before, peak) * gradient;
      this.#limit = next + Math.sqrt(next);
    } else if (peak >= before / 2) this.#limit = before + Math.sqrt(before);
    this.#limit = Math.min(max, Math.max(min, this.#limit));
    if (this.#limit < before) this.#loweredAt = now;
    this.#atFloor = late && this.#limit === min ? this.#atFloor + 1 : 0;
    if (this.#atFloor < floorWindows) return;
    this.#atFloor = 0;
    this.#usualMs = median;
  }

  #learn(median: number, peak: number): number {
    const usual = this.#usualMs ?? median;
    const { min, tolerance } = this.options;
    let pace = 0;
    if (median < usual) pace = 0.5;
    else if (peak <= min) pace = 0.2;
    else if (peak < this.#limit / 2 && median <= usual * tolerance) pace = 0.05;
    return (this.#usualMs = usual + pace * (median - usual));
  }
}
