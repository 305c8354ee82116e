import { FlotillaError } from '@flotilla/kernel';

/** Runs at most `size` pieces of work at once; at most `maxWaiting` others wait their turn. */
export class WorkSlots {
  readonly #size: number;
  readonly #maxWaiting: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number, maxWaiting: number) {
    this.#size = size;
    this.#maxWaiting = maxWaiting;
  }

  /** Throws `overloaded` when too many wait, and the signal's reason for work whose turn comes after it aborted. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#size) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new FlotillaError('overloaded', 'Too many images are being read. Try again in a moment.');
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      // The slot goes to who waits longest.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}
