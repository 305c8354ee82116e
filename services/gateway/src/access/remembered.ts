import { FlotillaError, within, type Clock } from '@flotilla/kernel';
import { KeyCache } from './key-cache.ts';

/** An event invalidates at once; these bound the time when the event is lost. */
const lifetimes = { foundMs: 30_000, absentMs: 5_000, graceMs: 600_000 };

/** Milliseconds the store may take for one question. */
const findTimeoutMs = 2_000;

export interface RememberedOptions {
  readonly clock: Clock;
  /** Answers that are held at most. */
  readonly size: number;
  /** What to tell the client when nothing is remembered and the store is down. */
  readonly unavailable: string;
}

/** Answers of a store, held for a while: at once when fresh, and in place of an answer while the store is down. */
export class Remembered<T> {
  readonly #cache: KeyCache<T>;
  /** One question to the store for each name, however many ask. */
  readonly #asking = new Map<string, Promise<T | undefined>>();
  #generation = 0;

  constructor(private readonly options: RememberedOptions) {
    this.#cache = new KeyCache(options.size, lifetimes);
  }

  /**
   * Synchronous when it is fresh; undefined: there is none. Rejects with `unavailable` when it is not remembered and the
   * store is down: "I cannot know" is not "no".
   */
  get(name: string, find: () => Promise<T | undefined>): T | undefined | Promise<T | undefined> {
    const cached = this.#cache.get(name, this.options.clock.monotonic());
    if (cached?.state === 'fresh') return cached.value;
    const under = this.#asking.get(name);
    if (under) return under;
    const asking = this.#ask(name, find, cached?.value).finally(() => {
      if (this.#asking.get(name) === asking) this.#asking.delete(name);
    });
    this.#asking.set(name, asking);
    return asking;
  }

  forget(matches: (value: T) => boolean): void {
    this.#generation += 1;
    // A question under way may have been answered before the change: who asks from now on asks anew.
    this.#asking.clear();
    this.#cache.forget(matches);
  }

  async #ask(name: string, find: () => Promise<T | undefined>, stale: T | undefined): Promise<T | undefined> {
    const generation = this.#generation;
    let found: T | undefined;
    try {
      // A store that hangs is a store that is down.
      found = await within(this.options.clock, findTimeoutMs, find());
    } catch (cause) {
      if (stale !== undefined && generation === this.#generation) return stale;
      throw new FlotillaError('unavailable', this.options.unavailable, { cause });
    }
    if (generation === this.#generation) this.#cache.set(name, found, this.options.clock.monotonic());
    return found;
  }
}
