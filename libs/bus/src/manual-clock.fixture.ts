import type { Clock, Timer } from '@flotilla/kernel';

/** A clock that a test moves by hand. */
export function manualClock(): Clock & { advance(ms: number): void } {
  const timers = new Set<{ at: number; every: number | undefined; run: () => void }>();
  let now = 0;
  const start = (ms: number, every: number | undefined, run: () => void): Timer => {
    const timer = { at: now + ms, every, run };
    timers.add(timer);
    return { cancel: () => timers.delete(timer) };
  };
  return {
    now: () => now,
    monotonic: () => now,
    after: (ms, run) => start(ms, undefined, run),
    every: (ms, run) => start(ms, ms, run),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        now = next.at;
        if (next.every === undefined) timers.delete(next);
        else next.at += next.every;
        next.run();
      }
      now = end;
    },
  };
}
