import { line, single, type Trace } from './trace.fixture.ts';

/** Little is asked, but from 00:10 for ten minutes in UTC four are to be there. */
export const schedule: Trace = {
  seconds: 1_500,
  rate: line([0, 1]),
  ...{ prompt: 300, output: 200, replicas: 1 },
  profiles: [single],
  scaling: {
    ...{ minReplicas: 1, maxReplicas: 6 },
    schedules: [{ name: 'shift', start: '10 0 * * 1-5', durationMinutes: 10, minReplicas: 4 }],
  },
};
