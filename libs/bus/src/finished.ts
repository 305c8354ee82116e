import type { Clock, Timer } from '@flotilla/kernel';

/** How long `close` waits for a handler under way before it aborts the handler's signal, in milliseconds. */
const closeGraceMs = 5_000;

/** Waits for a handler under way; after the grace it is told to stop and no longer waited for. */
export async function finished(busy: Promise<void> | undefined, stop: AbortController, clock: Clock): Promise<void> {
  if (!busy) return;
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = clock.after(closeGraceMs, () => {
      stop.abort();
      resolve();
    });
  });
  await Promise.race([busy, late]);
  timer?.cancel();
}
