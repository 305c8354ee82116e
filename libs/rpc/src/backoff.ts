import type { Random } from '@flotilla/kernel';
import { linkLimits } from './link-limits.ts';

/** Milliseconds before the next attempt after `failures` in a row: exponential, capped, between half and all of it by chance. */
export function backoffMs(failures: number, random: Random): number {
  const ceiling = Math.min(linkLimits.backoffMostMs, linkLimits.backoffFirstMs * 2 ** Math.min(failures, 16));
  return ceiling * (0.5 + random.next() / 2);
}
