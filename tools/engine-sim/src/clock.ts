/** Time as a port, so that tests move it by hand. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Calls back once after `ms`; 0 is the next turn of the event loop. */
  after(ms: number, run: () => void): { cancel(): void };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    if (ms <= 0) {
      const turn = setImmediate(run);
      return { cancel: () => clearImmediate(turn) };
    }
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
