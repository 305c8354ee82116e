import { single, type Trace } from './trace.fixture.ts';

/** Replicas work and tell nothing for five minutes. */
export const metricsGap: Trace = {
  seconds: 900,
  rate: () => 20,
  ...{ prompt: 300, output: 200, replicas: 3 },
  profiles: [single],
  scaling: { minReplicas: 1, maxReplicas: 10 },
  silent: (at) => at >= 300 && at < 600,
};
