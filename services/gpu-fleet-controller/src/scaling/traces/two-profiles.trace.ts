import { card, line, type Trace } from './trace.fixture.ts';

const twice = { ...card, seats: 96, decode: 120, cache: 400_000, prefill: 24_000 };

/** A cheap profile with a cap and few nodes, and one that is twice as strong and costs three times as much. */
export function twoProfiles(cheapNodes = 6): Trace {
  return {
    seconds: 1_500,
    rate: line([0, 3], [300, 3], [360, 40], [800, 40], [860, 3], [1_500, 3]),
    ...{ prompt: 300, output: 200, replicas: 1 },
    profiles: [
      { name: 'cheap', hardware: card, costPerHour: 1, tokensPerSecond: 1_460, maxReplicas: 4, nodes: cheapNodes },
      { name: 'strong', hardware: twice, costPerHour: 3, tokensPerSecond: 2_920 },
    ],
    scaling: { minReplicas: 1, maxReplicas: 10 },
  };
}
