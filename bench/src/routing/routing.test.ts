import { describe, expect, it } from '@jest/globals';
import { createSeededRandom } from '@flotilla/testkit';
import { flotilla, roundRobin, routers } from './choosers.ts';
import { bestHitRate, sharedPrefixLoad } from './shared-prefixes.ts';
import { quantile, simulate, type Simulation } from './simulate.ts';

const shape = { groups: 40, promptsPerGroup: 5, sharedTokens: 6_000, ownTokens: 1_200, rounds: 1 };
const four = [1, 1, 1, 1];
const arrivals = sharedPrefixLoad({ ...shape, requestsPerSecond: 5 }, createSeededRandom(3));
const run = (chooser: Simulation['chooser'], speeds = four) =>
  simulate({ arrivals, outputTokens: 100, speeds, chooser });

describe('prompts that share their beginning, on four simulated engines', () => {
  const ours = run((clock) => flotilla(clock, 4));

  it('find it in the cache nearly as often as if there were one engine', () => {
    expect(ours.hitRate / bestHitRate(arrivals)).toBeGreaterThan(0.9);
  });

  it('are answered sooner than in turns', () => {
    const turns = run(() => roundRobin(4));
    expect(quantile(ours.ttft, 0.5)).toBeLessThan(quantile(turns.ttft, 0.5) / 2);
  });

  it('keep no engine much busier than the others', () => {
    expect(ours.share).toBeLessThan(1.3);
  });

  it('find it nearly as often when two routers choose that tell each other', () => {
    const two = run((clock) => routers(2, clock, 4));
    expect(two.hitRate).toBeGreaterThan(0.95 * ours.hitRate);
  });

  it('are kept from an engine that is much slower than its peers', () => {
    const slow = run((clock) => flotilla(clock, 4), [0.2, 1, 1, 1]);
    expect(slow.requests[0]!).toBeLessThan(0.4 * (arrivals.length / 4));
  });
});
