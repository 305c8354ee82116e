import { createScaler, modelSpecSchema, type ScaledWorld } from '@flotilla/gpu-fleet-controller';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { quantile } from '../routing/simulate.ts';
import { atMost, type BenchRow } from '../row.ts';
import { ElasticEngine } from './elastic-engine.ts';

/** Seconds: of a calm beginning, and in all. */
const calm = 120;
const end = 720;
const startSeconds = 30;
const promisedMs = 2_000;
const spec = modelSpecSchema.parse({
  source: { hub: { repo: 'm' } },
  profiles: [{ name: 'card' }],
  scaling: { minReplicas: 1, maxReplicas: 20, scaleUp: { podsPerMinute: 10 } },
});

interface Arrival {
  readonly at: number;
  readonly outputTokens: number;
}

interface Run {
  /** Milliseconds to the first token, of what arrived between two seconds, 95 of 100. */
  p95(from: number, to: number): number;
  readonly replicaSeconds: number;
  readonly most: number;
}

/** The autoscaler as it runs in the product, on the simulator's scheduler in simulated time: the same on any machine. ~1 min. */
export async function benchScaling(): Promise<BenchRow[]> {
  const arrivals = load();
  const ours = run(arrivals, 'scaled');
  const best = bestPossible(arrivals);
  const regained = regainedAfter(ours);
  const what = `1 → 40 requests/s of 300 + 200 tokens, 32 at once a replica, start ${startSeconds} s`;
  return [
    atMost('scaling: p95 to the first token within 2 s again after', regained, startSeconds + 10, 's', what),
    atMost(
      'scaling: replica-seconds, of the best possible',
      ours.replicaSeconds / best.seconds,
      1.25,
      '×',
      `${ours.replicaSeconds.toFixed(0)} s, at most ${ours.most} at once; best: ${best.seconds} s with the fewest that keep p95, ${best.count}, ordered one start before the step`,
    ),
  ];
}

/** By chance (Poisson), 100 to 300 tokens each. */
function load(): Arrival[] {
  const random = createSeededRandom(11);
  const arrivals: Arrival[] = [];
  let at = 0;
  for (;;) {
    at += -Math.log(1 - random.next()) / (at < calm ? 1 : 40);
    if (at >= end) return arrivals;
    arrivals.push({ at, outputTokens: 100 + Math.floor(200 * random.next()) });
  }
}

/** The fewest replicas that keep the promise from the step on, had they been ordered a start before it. */
function bestPossible(arrivals: readonly Arrival[]): { count: number; seconds: number } {
  for (let count = 1; ; count += 1) {
    if (run(arrivals, count).p95(calm, end) > promisedMs) continue;
    return { count, seconds: end + (count - 1) * (end - calm + startSeconds) };
  }
}

/** Seconds from the step until the promise is kept by all ten seconds that follow, by when requests came. */
function regainedAfter({ p95 }: Run): number {
  for (let from = end - 10; from >= calm; from -= 1) if (p95(from, from + 10) > promisedMs) return from + 1 - calm;
  return 0;
}

/** `fleet`: scaled, or so many from the step on. */
function run(arrivals: readonly Arrival[], fleet: 'scaled' | number): Run {
  const clock = createFakeClock(Date.UTC(2026, 0, 5));
  const begun = clock.now();
  const seconds = () => (clock.now() - begun) / 1_000;
  const waits = arrivals.map(() => Infinity);
  const scaler = createScaler();
  let engines = [new ElasticEngine('m-0', clock, begun - 600_000, begun - 570_000)];
  let [made, arrived, replicaSeconds, most, gone, lastUsedAt] = [1, 0, 0, 1, 0, begun];
  const world = (): ScaledWorld => ({
    ...{ now: clock.now(), wanted: 'a', badNodes: [], replicas: engines.map((engine) => engine.told()) },
    model: { apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', metadata: { name: 'm' }, spec },
    groups: [{ revision: 'a', profile: 'card', name: 'm-card-a', replicas: engines.length, createdAt: begun }],
    demand: {
      ...{ held: 0, arrived, lastUsedAt, adapters: new Map() },
      running: engines.reduce((sum, { inFlight }) => sum + inFlight, 0),
      outcomes: new Map([
        ['a', { answered: engines.reduce((sum, one) => sum + one.answered, gone), failed: 0, ttftMs: [] }],
      ]),
    },
  });
  const fit = (count: number, startMs: number) => {
    const own = engines.filter(({ draining }) => !draining);
    for (let i = own.length; i < count; i += 1) {
      engines.push(new ElasticEngine(`m-${made}`, clock, clock.now(), clock.now() + startMs));
      made += 1;
    }
    const emptiest = own.toSorted((a, b) => a.inFlight - b.inFlight);
    for (const engine of emptiest.slice(0, Math.max(0, own.length - count))) engine.draining = true;
  };
  const ticks = clock.every(1_000, () => {
    if (fleet === 'scaled') fit(scaler.decide(world()).desired, startSeconds * 1_000);
    else if (seconds() >= calm - 1) fit(fleet, 0);
    arrived = 0;
    for (const { draining, inFlight, answered } of engines) if (draining && inFlight === 0) gone += answered;
    engines = engines.filter(({ draining, inFlight }) => !draining || inFlight > 0);
    replicaSeconds += engines.length;
    most = Math.max(most, engines.length);
  });
  arrivals.forEach(({ at, outputTokens }, i) => {
    clock.advance(at * 1_000 - (clock.now() - begun));
    [arrived, lastUsedAt] = [arrived + 1, clock.now()];
    const open = engines.filter(({ ready, draining }) => ready && !draining);
    const least = open.reduce((best, one) => (one.inFlight < best.inFlight ? one : best));
    const began = clock.now();
    least.ask({ promptTokens: 300, outputTokens, onFirstToken: () => (waits[i] = clock.now() - began) });
  });
  clock.advance(end * 1_000 - (clock.now() - begun));
  ticks.cancel();
  return {
    ...{ replicaSeconds, most },
    p95: (from, to) => {
      const some = waits.filter((_, i) => arrivals[i]!.at >= from && arrivals[i]!.at < to);
      return some.length === 0
        ? 0
        : quantile(
            some.sort((a, b) => a - b),
            0.95,
          );
    },
  };
}
