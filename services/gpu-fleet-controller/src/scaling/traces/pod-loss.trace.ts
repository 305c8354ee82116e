import { beginning } from '../replay.fixture.ts';
import { single, type Trace } from './trace.fixture.ts';

/** An engine dies every two minutes and comes back after its start. */
export const podLoss: Trace = {
  seconds: 900,
  rate: () => 20,
  ...{ prompt: 300, output: 200, replicas: 4 },
  profiles: [single],
  scaling: { minReplicas: 1, maxReplicas: 10 },
  happens(at, replicas) {
    if (at >= 300 && at % 120 === 0) replicas.find(({ state }) => state === 'ready')?.crash(beginning + at * 1_000);
  },
};
