/** One remembered answer: what was found (undefined: no such key), and until when it is fresh. Milliseconds, monotonic. */
interface Entry<T> {
  readonly value: T | undefined;
  readonly freshUntil: number;
  readonly staleUntil: number;
}

export interface Lifetimes {
  /** Milliseconds a found value is fresh. */
  foundMs: number;
  /** Milliseconds that "there is none" is fresh. */
  absentMs: number;
  /** Milliseconds after its freshness that a found value may still serve when the store is down. */
  graceMs: number;
}

/** The least recently used entry leaves first: a Map iterates in order of insertion, and a hit inserts again. */
export class KeyCache<T> {
  readonly #entries = new Map<string, Entry<T>>();

  constructor(
    private readonly size: number,
    private readonly lifetimes: Lifetimes,
  ) {}

  /** `fresh`: the value may be used as it is. `stale`: only when the store cannot be asked. */
  get(key: string, now: number): { state: 'fresh' | 'stale'; value: T | undefined } | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (now >= entry.staleUntil) {
      this.#entries.delete(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return { state: now < entry.freshUntil ? 'fresh' : 'stale', value: entry.value };
  }

  set(key: string, value: T | undefined, now: number): void {
    const { foundMs, absentMs, graceMs } = this.lifetimes;
    const freshUntil = now + (value === undefined ? absentMs : foundMs);
    this.#entries.delete(key);
    this.#entries.set(key, { value, freshUntil, staleUntil: value === undefined ? freshUntil : freshUntil + graceMs });
    if (this.#entries.size > this.size) this.#entries.delete(this.#entries.keys().next().value!);
  }

  /** Forgets what `matches`, and every "there is none": the key may have come into being. */
  forget(matches: (value: T) => boolean): void {
    for (const [key, { value }] of this.#entries) if (value === undefined || matches(value)) this.#entries.delete(key);
  }
}
