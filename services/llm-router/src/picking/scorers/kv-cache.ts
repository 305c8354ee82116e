import type { Scorer } from './scorer.ts';

/** Room in the KV cache, as it was told last; all of it where the engine does not tell. */
export const kvCache: Scorer = ({ endpoint }) => 1 - Math.min(1, endpoint.facts.kvCacheUsage ?? 0);
