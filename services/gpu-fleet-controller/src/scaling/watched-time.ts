/** Longer without a look is a gap: what happened in it is not known. Milliseconds. */
const gapMs = 15_000;

/** Time as far as it was watched. It never goes back, whatever the wall clock does; after a gap, watching begins anew. */
export class WatchedTime {
  #seen: number | undefined;
  #at = 0;
  #since = 0;

  /** Takes the wall clock's milliseconds; returns the milliseconds that what is seen now stands for. */
  look(now: number): number {
    const elapsed = this.#seen === undefined ? 0 : Math.max(0, now - this.#seen);
    const known = this.#seen !== undefined && elapsed <= gapMs;
    this.#seen = now;
    this.#at += elapsed;
    if (!known) this.#since = this.#at;
    return known ? elapsed : 1_000;
  }

  /** Milliseconds; only differences mean something. */
  get at(): number {
    return this.#at;
  }

  /** Milliseconds without a gap. */
  get watched(): number {
    return this.#at - this.#since;
  }
}
