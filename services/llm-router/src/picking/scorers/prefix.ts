import type { Scorer } from './scorer.ts';

/** So many times as slow as its peers may be chance. */
const tolerated = 2;

/** The share of the prompt that its KV cache should hold; worth the less the slower the engine is. */
export const prefix: Scorer = ({ held, tooBusy, latency }, { characters, medianLatency }) => {
  if (tooBusy || characters === 0) return 0;
  const slow = medianLatency > 0 && latency > tolerated * medianLatency;
  return (held / characters) * (slow ? (tolerated * medianLatency) / latency : 1);
};
