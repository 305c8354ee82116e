import { single, steps, type Trace } from './trace.fixture.ts';

/** Nothing, then 12 requests a second for five minutes, then nothing again. */
export const burstFromZero: Trace = {
  seconds: 1_800,
  rate: steps([0, 0], [120, 12], [420, 0]),
  ...{ prompt: 300, output: 200 },
  profiles: [single],
  scaling: { maxReplicas: 10, idle: { sleepSeconds: 60, deepSleepSeconds: 300, zeroSeconds: 600 } },
};
