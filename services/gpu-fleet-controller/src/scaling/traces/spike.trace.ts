import { single, steps, type Trace } from './trace.fixture.ts';

/** Two minutes of four times as much, and back. */
export const spike: Trace = {
  seconds: 1_200,
  rate: steps([0, 6], [300, 26], [420, 6]),
  ...{ prompt: 300, output: 200, replicas: 1 },
  profiles: [single],
  scaling: { minReplicas: 1, maxReplicas: 10 },
};
