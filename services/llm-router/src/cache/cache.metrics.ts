import { counter, gauge, histogram, rpcSeconds } from '@flotilla/telemetry';
import type { CacheKind } from './cache-use.ts';
import type { KeptAnswer } from './kept-answer.ts';

/** `joined`: by the answer to the same request that was under way. `late`, `failed`: it could not be said, and an engine was asked. */
export type LookupOutcome = 'hit' | 'joined' | 'miss' | 'late' | 'failed';

/** `refused`: too many waited to be written. `purged`: it was to be forgotten before it was written. */
export type KeepOutcome = 'kept' | 'refused' | 'failed' | 'purged';

const lookups = counter({
  name: 'flotilla_router_cache_lookups_total',
  description: 'Requests that looked for a kept answer, by kind and outcome',
  unit: '{lookup}',
});
const seconds = histogram({
  name: 'flotilla_router_cache_lookup_duration_seconds',
  description: 'What looking into the database takes, the embedding of the question included',
  unit: 's',
  buckets: rpcSeconds,
});
const keeps = counter({
  name: 'flotilla_router_cache_answers_total',
  description: 'Answers that were to be kept, by outcome',
  unit: '{answer}',
});
const saved = counter({
  name: 'flotilla_router_cache_saved_tokens_total',
  description: 'Tokens that engines did not have to read or write, since the answer was kept',
  unit: '{token}',
});
const memory = gauge({
  name: 'flotilla_router_cache_memory_bytes',
  description: 'Kept answers held in memory',
  unit: 'By',
}).bind({});
const swept = counter({
  name: 'flotilla_router_cache_swept_total',
  description: 'Kept answers let go of for their age',
  unit: '{answer}',
}).bind({});

export const cacheMetrics = {
  looked: (kind: CacheKind, outcome: LookupOutcome) => lookups.add(1, { kind, outcome }),
  took: (kind: CacheKind, ms: number) => seconds.record(ms / 1_000, { kind }),
  kept: (outcome: KeepOutcome, count = 1) => keeps.add(count, { outcome }),
  saved(kind: CacheKind, { promptTokens, completionTokens }: KeptAnswer): void {
    saved.add(promptTokens, { kind, type: 'input' });
    saved.add(completionTokens, { kind, type: 'output' });
  },
  holds: (bytes: number) => memory.set(bytes),
  swept: (count: number) => swept.add(count),
};
