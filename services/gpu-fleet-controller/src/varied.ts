import type { Random } from '@flotilla/kernel';

const spread = 0.1;

/** A period of so many milliseconds, up to a tenth longer or shorter by chance: what began together drifts apart. */
export function varied(ms: number, random: Random): number {
  return ms * (1 + spread * (2 * random.next() - 1));
}
