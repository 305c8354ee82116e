import { single, steps, type Trace } from './trace.fixture.ts';

/** One request a second, then forty at once. */
export function step(startSeconds: number): Trace {
  return {
    seconds: 900,
    rate: steps([0, 1], [120, 40]),
    ...{ prompt: 300, output: 200, replicas: 1 },
    profiles: [{ ...single, startSeconds }],
    scaling: { minReplicas: 1, maxReplicas: 20, scaleUp: { podsPerMinute: 10 } },
  };
}
