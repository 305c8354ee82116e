import { defaults, EndpointPicker, type Resolution } from '@flotilla/llm-router';
import { systemClock } from '@flotilla/kernel';
import { createSeededRandom } from '@flotilla/testkit';
import { targetsOf } from './choosers.ts';
import { requestFor, sharedPrefixLoad } from './shared-prefixes.ts';

const engines = 1_000;
/** 8,000 characters each: 31 blocks, of which 15 are shared by ten. */
const shape = { groups: 600, promptsPerGroup: 10, sharedTokens: 1_000, ownTokens: 1_000 };

export interface PickCost {
  readonly p99Ms: number;
  /** Microseconds of CPU, the prompt's hashes and what is learnt included. */
  readonly cpuMicros: number;
  readonly prefixes: number;
}

/** What a pick costs among 1,000 engines when more than 100,000 prefixes are known: each request is picked, begun and ended. */
export function measurePicks(rounds = 5): PickCost {
  const random = createSeededRandom(5);
  const picker = new EndpointPicker({ clock: systemClock, random, config: defaults });
  const targets = targetsOf(engines);
  picker.keep(targets.map(({ endpoint }) => endpoint));
  const resolution: Resolution = {
    ...{ name: 'm', entry: undefined, capabilities: [], fallbacks: [], listed: true },
    routes: [{ weight: 1, targets }],
  };
  let prefixes = 0;
  picker.onLearnt = () => void (prefixes += 1);
  const asked = sharedPrefixLoad({ ...shape, rounds: 1, requestsPerSecond: 1 }, random).map(({ prompt }) => prompt);
  const pick = (request: ReturnType<typeof requestFor>) => {
    const target = picker.pick(resolution, [], request)!;
    picker.began(target, request);
    return () => picker.ended(target, 'answered', request);
  };
  // Some hundred stay under way, as they do.
  const underWay: (() => void)[] = [];
  const one = (request: ReturnType<typeof requestFor>) => {
    underWay.push(pick(request));
    if (underWay.length > 500) underWay.shift()!();
  };
  for (const prompt of asked) one(requestFor(prompt));
  const known = prefixes;
  // By thousands, of which the middle one counts: whatever else runs on the machine disturbs some of them.
  const [p99s, cpus]: number[][] = [[], []];
  for (let first = 0; first < rounds * asked.length; first += 1_000) {
    const requests = Array.from({ length: 1_000 }, (_, i) => requestFor(asked[(first + i) % asked.length]!));
    const times: number[] = [];
    const before = process.cpuUsage();
    for (const request of requests) {
      const at = performance.now();
      one(request);
      times.push(performance.now() - at);
    }
    const { user, system } = process.cpuUsage(before);
    cpus!.push((user + system) / times.length);
    p99s!.push(times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!);
  }
  return { p99Ms: middle(p99s!), cpuMicros: middle(cpus!), prefixes: known };
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
