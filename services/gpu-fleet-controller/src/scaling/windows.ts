/** Buckets of a window, at most: what bounds it. */
const mostBuckets = 1_200;

/** Means of figures over the time they held, in buckets of time. */
export class MeanWindow<Key extends string> {
  readonly #buckets: { at: number; weight: number; sums: Float64Array }[] = [];
  readonly #keys: readonly Key[];

  constructor(keys: readonly Key[]) {
    this.#keys = keys;
  }

  /** `held`: milliseconds that the figures stand for. `span`: milliseconds that are kept. */
  add(at: number, held: number, figures: Readonly<Record<Key, number>>, span: number): void {
    while (this.#buckets.length > 0 && this.#buckets[0]!.at < at - span) this.#buckets.shift();
    const width = Math.max(500, span / mostBuckets);
    let bucket = this.#buckets.at(-1);
    if (!bucket || at - bucket.at >= width) {
      bucket = { at, weight: 0, sums: new Float64Array(this.#keys.length) };
      this.#buckets.push(bucket);
    }
    bucket.weight += held;
    this.#keys.forEach((key, i) => (bucket.sums[i]! += figures[key] * held));
  }

  /** Over the last `span` milliseconds. Undefined: less than `least` milliseconds of them were seen. */
  mean(at: number, span: number, least: number): Record<Key, number> | undefined {
    const total = new Float64Array(this.#keys.length);
    let weight = 0;
    for (let b = this.#buckets.length - 1; b >= 0 && this.#buckets[b]!.at > at - span; b -= 1) {
      const { sums, weight: own } = this.#buckets[b]!;
      weight += own;
      for (let i = 0; i < total.length; i += 1) total[i]! += sums[i]!;
    }
    if (weight === 0 || weight < least) return undefined;
    return Object.fromEntries(this.#keys.map((key, i) => [key, total[i]! / weight])) as Record<Key, number>;
  }
}

/** The largest of what was said in a time. */
export class MaxWindow {
  /** Falling values: each is the largest from its time on. */
  #peaks: { at: number; value: number }[] = [];

  add(at: number, value: number, span: number): void {
    this.#peaks = this.#peaks.filter((peak) => peak.at >= at - span && peak.value > value);
    this.#peaks.push({ at, value });
    if (this.#peaks.length > mostBuckets) this.#peaks.splice(1, 1);
  }

  get max(): number {
    return this.#peaks[0]?.value ?? 0;
  }
}
