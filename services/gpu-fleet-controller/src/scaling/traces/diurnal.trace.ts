import { line, single, type Trace } from './trace.fixture.ts';

/** A day in forty minutes: a quiet night, a morning, a dip at noon, an evening. */
export const diurnal: Trace = {
  seconds: 2_400,
  rate: line([0, 2], [400, 2], [800, 25], [1_200, 18], [1_600, 32], [2_200, 3], [2_400, 2]),
  ...{ prompt: 300, output: 200, replicas: 1 },
  profiles: [{ ...single, startSeconds: 30 }],
  scaling: { minReplicas: 1, maxReplicas: 12 },
};
