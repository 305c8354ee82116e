import type { Scorer } from './scorer.ts';

/** The share of the prompt that its KV cache should hold. */
export const prefix: Scorer = ({ held, tooBusy }, { characters }) =>
  tooBusy || characters === 0 ? 0 : held / characters;
