import type { router } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';

export type Event = router.GenerateEvent;
export type Result = IteratorResult<Event, undefined>;

/** Where the pieces of the answer are while nobody took them. */
export interface Pieces {
  /** All of them as one event, if there are any. */
  take(): Event | undefined;
}

export const ended: Result = { done: true, value: undefined };

/**
 * What an answer says until its caller takes it, or the caller who waits for it: notices first, then pieces, then the end.
 * A token costs one promise. Bounded by what engines are read ahead (see Attempt).
 */
export class EventQueue {
  #head: Event[] = [];
  #pieces: Pieces | undefined;
  #tail: Event | undefined;
  #over = false;
  #error: FlotillaError | undefined;
  #resolve: ((result: Result) => void) | undefined;
  #reject: ((error: FlotillaError) => void) | undefined;

  next(): Promise<Result> {
    const event = this.#take();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#over) {
      const error = this.#error;
      this.#error = undefined;
      return error ? Promise.reject(error) : Promise.resolve(ended);
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get awaited(): boolean {
    return this.#resolve !== undefined;
  }

  /** Goes out before the pieces that were not taken yet. */
  push(...events: Event[]): void {
    this.#head.push(...events);
  }

  /** Pieces come from here from now on; those of before that were not taken go out first. */
  readFrom(pieces: Pieces | undefined): void {
    const left = this.#pieces?.take();
    if (left) this.#head.push(left);
    this.#pieces = pieces;
  }

  /** Nothing comes any more but `tail`; who waits past it is told the error. */
  end(tail: Event | undefined, error: FlotillaError | undefined): void {
    this.#over = true;
    this.#tail = tail;
    this.#error = error;
    this.deliver();
  }

  /** Lets go of what was not taken. */
  clear(): void {
    this.#head = [];
    this.#pieces = this.#tail = undefined;
  }

  /** Forgets the error that nobody came for. */
  forgive(): void {
    this.#error = undefined;
  }

  /** Gives whoever waits in `next` what there is. */
  deliver(): void {
    const resolve = this.#resolve;
    if (!resolve) return;
    const event = this.#take();
    if (event) {
      this.#resolve = this.#reject = undefined;
      resolve({ done: false, value: event });
    } else if (this.#over) {
      const reject = this.#reject!;
      const error = this.#error;
      this.#resolve = this.#reject = this.#error = undefined;
      if (error) reject(error);
      else resolve(ended);
    }
  }

  #take(): Event | undefined {
    if (this.#head.length > 0) return this.#head.shift();
    const pieces = this.#pieces?.take();
    if (pieces) return pieces;
    const tail = this.#tail;
    this.#tail = undefined;
    return tail;
  }
}
