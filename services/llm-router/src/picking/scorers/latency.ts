import type { Scorer } from './scorer.ts';

/** 1 up to the middle of the peers, half for twice as slow. Who is not known is given the benefit of the doubt. */
export const latency: Scorer = (candidate, { medianLatency }) =>
  candidate.latency <= medianLatency || medianLatency === 0 ? 1 : medianLatency / candidate.latency;
