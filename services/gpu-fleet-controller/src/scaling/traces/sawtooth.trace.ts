import { single, type Trace } from './trace.fixture.ts';

/** Up and down between 8 and 16 requests a second each minute. */
export const sawtooth: Trace = {
  seconds: 1_200,
  rate: (at) => 8 + (8 * (at % 60)) / 60,
  ...{ prompt: 300, output: 200, replicas: 2 },
  profiles: [single],
  scaling: { minReplicas: 1, maxReplicas: 10 },
};
