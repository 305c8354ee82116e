import { line, single, type Trace } from './trace.fixture.ts';

/** From 2 to 30 requests a second within twenty minutes. */
export const slowRamp: Trace = {
  seconds: 1_500,
  rate: line([0, 2], [150, 2], [1_350, 30], [1_500, 30]),
  ...{ prompt: 300, output: 200, replicas: 1 },
  profiles: [{ ...single, startSeconds: 30 }],
  scaling: { minReplicas: 1, maxReplicas: 12 },
};
