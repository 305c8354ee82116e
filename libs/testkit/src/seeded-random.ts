import type { Random } from '@flotilla/kernel';

/** A Random that gives the same numbers and ids for the same seed (mulberry32, Tommy Ettinger: 32 bits of state). */
export function createSeededRandom(seed = 1): Random {
  let state = seed >>> 0;
  const bits = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const hex = () => bits().toString(16).padStart(8, '0');
  return {
    next: () => bits() / 2 ** 32,
    id: (prefix) => prefix + hex() + hex() + hex() + hex(),
  };
}
