import type { GenerateEvents } from './plan.ts';

/** Events of an answer that is being prepared: it begins with the first `next`. Left before that, or meanwhile, it never does. */
export class LateEvents implements GenerateEvents {
  readonly #prepare: () => Promise<GenerateEvents>;
  #preparing: Promise<GenerateEvents> | undefined;
  #events: GenerateEvents | undefined;
  #left = false;

  constructor(prepare: () => Promise<GenerateEvents>) {
    this.#prepare = prepare;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): ReturnType<GenerateEvents['next']> {
    if (this.#events) return this.#events.next();
    if (this.#left) return Promise.resolve({ done: true, value: undefined });
    this.#preparing ??= this.#prepare();
    return this.#preparing.then((events) => {
      this.#events = events;
      return this.#left ? { done: true, value: undefined } : events.next();
    });
  }

  return(): ReturnType<GenerateEvents['next']> {
    this.#left = true;
    return this.#events?.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }
}
