import { abortable } from './abortable.ts';

/** Runs at most so many at once; the others wait their turn, or until their signal aborts. */
export interface Slots {
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

/** `full`: what whoever comes is told while `most` others wait; absent: any number may. */
export function createSlots(count: number, full?: { readonly most: number; error(): Error }): Slots {
  let free = count;
  const waiting: (() => void)[] = [];

  return {
    async run(signal, work) {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    if (full && waiting.length >= full.most) throw full.error();
    const { promise, resolve: turn } = Promise.withResolvers<void>();
    waiting.push(turn);
    try {
      await abortable(promise, signal);
    } catch (error) {
      const place = waiting.indexOf(turn);
      // Its turn had just come: the next one has it.
      if (place === -1) leave();
      else waiting.splice(place, 1);
      throw error;
    }
  }

  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}
