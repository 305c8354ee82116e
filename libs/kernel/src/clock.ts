import { FlotillaError } from './errors.ts';

/** A pending timer of a Clock. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as a port: domain code takes a Clock, so that a test can move it by hand and one seed replays a whole failure.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean something. */
  monotonic(): number;
  /** Calls `run` once after `ms` milliseconds. The timer does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
  /** Calls `run` every `ms` milliseconds. The timer does not keep the process alive. */
  every(ms: number, run: () => void): Timer;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms, run) {
    const timer = setInterval(run, ms).unref();
    return { cancel: () => clearInterval(timer) };
  },
};

/** Resolves after `ms` milliseconds of the clock, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** What the promise says, or `late` (absent: `deadline_exceeded`) after `ms` milliseconds of the clock. What it is about goes on. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, late?: () => FlotillaError): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(late?.() ?? new FlotillaError('deadline_exceeded')));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
