import type { Clock } from '@flotilla/kernel';

export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** Call it when the work is done: frees the timer and the listener. */
  clear(): void;
}

/** A signal that aborts with a TimeoutError after `ms` of the clock, or with its parent. */
export function deadlineSignal(clock: Clock, ms: number, parent?: AbortSignal): DeadlineSignal {
  const controller = new AbortController();
  const onParent = () => controller.abort(parent!.reason);
  if (parent?.aborted) onParent();
  parent?.addEventListener('abort', onParent);
  const timer = clock.after(ms, () => controller.abort(new DOMException('the deadline passed', 'TimeoutError')));
  return {
    signal: controller.signal,
    clear() {
      timer.cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}
