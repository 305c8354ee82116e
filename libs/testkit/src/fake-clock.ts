import type { Clock, Timer } from '@flotilla/kernel';

export interface FakeClock extends Clock {
  /** Moves time by `ms` and runs what falls due, in order of time, each at its own time. */
  advance(ms: number): void;
  /** The same, letting promises settle before each timer and at the end: for code that awaits between timers. */
  advanceAsync(ms: number): Promise<void>;
  /** How many timers are pending: nought when everything was cancelled. */
  readonly pending: number;
}

interface Entry {
  at: number;
  order: number;
  everyMs: number | undefined;
  run: () => void;
}

/** A Clock that stands still until it is told to move. `start` is its wall time in milliseconds since 1970; its monotonic time starts at 0. */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  const entries = new Set<Entry>();
  let elapsed = 0;
  let order = 0;

  const schedule = (ms: number, everyMs: number | undefined, run: () => void): Timer => {
    const entry: Entry = { at: elapsed + Math.max(0, ms), order: (order += 1), everyMs, run };
    entries.add(entry);
    return { cancel: () => entries.delete(entry) };
  };

  const nextDue = (until: number): Entry | undefined => {
    let next: Entry | undefined;
    for (const entry of entries) {
      if (entry.at <= until && (!next || entry.at < next.at || (entry.at === next.at && entry.order < next.order))) {
        next = entry;
      }
    }
    return next;
  };

  const fire = (entry: Entry): void => {
    elapsed = Math.max(elapsed, entry.at);
    if (entry.everyMs === undefined) {
      entries.delete(entry);
    } else {
      // At least a millisecond on, or a period of nought would never let the clock move.
      entry.at += Math.max(1, entry.everyMs);
      entry.order = order += 1;
    }
    entry.run();
  };

  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    after: (ms, run) => schedule(ms, undefined, run),
    every: (ms, run) => schedule(ms, ms, run),
    advance(ms) {
      const until = elapsed + ms;
      for (let entry = nextDue(until); entry; entry = nextDue(until)) fire(entry);
      elapsed = until;
    },
    async advanceAsync(ms) {
      const until = elapsed + ms;
      await settle();
      for (let entry = nextDue(until); entry; entry = nextDue(until)) {
        fire(entry);
        await settle();
      }
      elapsed = until;
    },
    get pending() {
      return entries.size;
    },
  };
}

/** Lets every promise that can settle without time or input settle: a turn of the event loop runs all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
