import { createSeededRandom } from '@flotilla/testkit';
import { atMost, type BenchRow } from '../row.ts';
import { flotilla, leastLoaded, roundRobin, routers } from './choosers.ts';
import { measurePicks } from './pick-cost.ts';
import { bestHitRate, sharedPrefixLoad, type Arrival } from './shared-prefixes.ts';
import { quantile, simulate, type Outcome, type Simulation } from './simulate.ts';

const outputTokens = 1_000;
/** Groups of 5 prompts, each asked once, ten requests a second in all. */
const load = (groups: number) =>
  sharedPrefixLoad(
    { groups, promptsPerGroup: 5, sharedTokens: 6_000, ownTokens: 1_200, rounds: 1, requestsPerSecond: 10 },
    createSeededRandom(3),
  );

/**
 * What picking costs in this process, and what it is worth: the product's picker on simulated engines (the simulator's
 * scheduler and cache in simulated time, so that the result is exact and the same on any machine). ~1 min.
 */
export async function benchRouting(): Promise<BenchRow[]> {
  return [...pickCost(), ...onSimulatedEngines()];
}

function pickCost(): BenchRow[] {
  const { p99Ms, cpuMicros, prefixes } = measurePicks();
  const what = `1,000 engines, ${prefixes.toLocaleString('en')} prefixes, prompts of 2,000 tokens; hashing and learning included`;
  return [
    atMost('routing: pick p99', p99Ms, 1, 'ms', what),
    atMost('routing: CPU per pick', cpuMicros, 40, 'µs', what),
  ];
}

function onSimulatedEngines(): BenchRow[] {
  const arrivals = load(150);
  const eight = Array.from({ length: 8 }, () => 1);
  const run = (speeds: readonly number[], chooser: Simulation['chooser'], sent = arrivals) =>
    simulate({ arrivals: sent, outputTokens, speeds, chooser });
  const ours = run(eight, (clock) => flotilla(clock, 8));
  const turns = run(eight, () => roundRobin(8));
  const least = run(eight, () => leastLoaded(8));
  const two = run(eight, (clock) => routers(2, clock, 8));
  // Longer: of 750 requests the slowest hundredth would be a handful.
  const more = load(400);
  const seven = run(eight.slice(1), (clock) => flotilla(clock, 7), more);
  const slow = run([0.2, ...eight.slice(1)], (clock) => flotilla(clock, 8), more);
  return [
    ...sharedPrefixRows(arrivals, ours, turns, least),
    atLeast('routing: hit rate of two routers, of one’s', two.hitRate / ours.hitRate, 0.95, 'they tell each other'),
    slowRow(slow, seven),
  ];
}

function sharedPrefixRows(arrivals: readonly Arrival[], ours: Outcome, turns: Outcome, least: Outcome): BenchRow[] {
  const best = bestHitRate(arrivals);
  const [p50, inTurns, byLoad] = [ours, turns, least].map(({ ttft }) => quantile(ttft, 0.5) / 1_000);
  const seconds = (value: number) => `${value.toFixed(2)} s`;
  const note = `${seconds(p50!)}; round-robin ${seconds(inTurns!)}, least loaded ${seconds(byLoad!)}; 8 engines, 150 × 5 prompts`;
  const hits = [ours, turns, least].map(({ hitRate }) => `${(100 * hitRate).toFixed(0)} %`);
  return [
    atMost('routing: p50 to first token, of round-robin’s', p50! / inTurns!, 0.2, '', note),
    atLeast(
      'routing: hit rate, of the best possible',
      ours.hitRate / best,
      0.9,
      `of tokens: ${hits[0]}; round-robin ${hits[1]}, least loaded ${hits[2]}`,
    ),
    atMost('routing: busiest engine, of the mean', ours.imbalance, 1.5, '×', 'requests at once, mean over the run'),
  ];
}

function slowRow(slow: Outcome, seven: Outcome): BenchRow {
  const [with_, without] = [slow, seven].map(({ ttft }) => quantile(ttft, 0.99));
  const note = `to first token; one of eight five times as slow: ${slow.requests[0]} of its ${slow.ttft.length / 8} requests went there`;
  return atMost('routing: p99 with a slow engine, of seven healthy ones’', with_! / without!, 1.3, '×', note);
}

function atLeast(name: string, measured: number, target: number, note: string): BenchRow {
  return { name, measured, unit: '', target: `≥ ${target}`, ok: measured >= target, note };
}
