import type { Clock } from '@flotilla/kernel';

/** Each bucket ends a tenth above the one before: quantiles are exact to that. 1 ms to 2 h. */
const growth = Math.log(1.1);
const buckets = 166;

/** Durations of the last while, in two halves of fixed size: quantiles without keeping the values. */
export class RecentTimes {
  readonly #clock: Clock;
  readonly #halfMs: number;
  #now = new Uint32Array(buckets);
  #before = new Uint32Array(buckets);
  #turnedAt: number;
  #count = 0;
  #countBefore = 0;

  /** Values count for `windowMs` at most, and for half of it at least. */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#halfMs = windowMs / 2;
    this.#turnedAt = clock.monotonic();
  }

  add(ms: number): void {
    this.#turn();
    const bucket = ms <= 1 ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(ms) / growth));
    this.#now[bucket]! += 1;
    this.#count += 1;
  }

  get count(): number {
    this.#turn();
    return this.#count + this.#countBefore;
  }

  /** Milliseconds that the share `q` of the values did not exceed, rounded up to a bucket; 0 when there is none. */
  quantile(q: number): number {
    const wanted = this.count * q;
    if (wanted === 0) return 0;
    let seen = 0;
    for (let i = 0; i < buckets; i += 1) {
      seen += this.#now[i]! + this.#before[i]!;
      if (seen >= wanted) return Math.exp(i * growth);
    }
    return Math.exp(buckets * growth);
  }

  #turn(): void {
    const past = this.#clock.monotonic() - this.#turnedAt;
    if (past < this.#halfMs) return;
    const empty = this.#before.fill(0);
    const tooOld = past >= 2 * this.#halfMs;
    this.#before = tooOld ? this.#now.fill(0) : this.#now;
    this.#countBefore = tooOld ? 0 : this.#count;
    this.#now = empty;
    this.#count = 0;
    this.#turnedAt += past - (past % this.#halfMs);
  }
}
