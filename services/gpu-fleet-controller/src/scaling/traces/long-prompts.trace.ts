import { card, single, steps, type Trace } from './trace.fixture.ts';

/** Few requests, each with 12,000 tokens of prompt: the cache is full long before the batch. */
export const longPrompts: Trace = {
  seconds: 900,
  rate: steps([0, 0.2], [200, 1.6]),
  ...{ prompt: 12_000, output: 400, replicas: 1 },
  profiles: [{ ...single, hardware: { ...card, cache: 60_000 } }],
  scaling: { minReplicas: 1, maxReplicas: 10 },
};
