import { abortable } from '@flotilla/kernel';

/** Runs at most so many at once; the others wait their turn, or until their signal aborts. */
export interface Slots {
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createSlots(count: number): Slots {
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
    let turn!: () => void;
    const come = new Promise<void>((resolve) => (turn = resolve));
    waiting.push(turn);
    try {
      await abortable(come, signal);
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
