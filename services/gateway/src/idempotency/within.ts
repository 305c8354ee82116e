import { FlotillaError, type Clock } from '@flotilla/kernel';

/** What the promise says, or `deadline_exceeded` after `ms`. What it is about goes on. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(new FlotillaError('deadline_exceeded')));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
