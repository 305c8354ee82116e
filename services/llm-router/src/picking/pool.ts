import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Target } from '../providers/target.ts';
import { stir } from './prompt-chain.ts';
import type { Resolution, Route } from '../registry/registry.ts';

/** So many engines are looked at one by one for each request; of more a sample is. */
export const maxLookedAt = 16;
/** Engines whose times make the middle of a large pool. */
const maxTimed = 32;

/** The targets that compete for a request, with what they have in common. Lives as long as the routes it was made of. */
export class Pool {
  readonly targets: readonly Target[];
  readonly near: readonly Target[];
  /** USD per million tokens in and out; 0: not known. Empty when no target has a price. */
  readonly prices: ReadonlyMap<Target, number>;
  readonly cheapest: number;
  /** The LoRA adapter asked for, if the configuration says that it is one. */
  readonly isAdapter: boolean;
  /** Mean load at the last look. */
  meanBusy = 0;
  /** The middle of the engines' milliseconds per character to the first token; 0: too few are known. */
  medianLatency = 0;
  /** The middle of what is usual among them for prompts that are read in full; likewise. */
  usualLatency = 0;
  /** All routes have one weight: none of them is a share. */
  readonly even: boolean;
  readonly #keys: Uint32Array;
  readonly #byEndpoint = new Map<Endpoint, Target[]>();
  #picksLeft = 0;

  constructor(routes: readonly Route[], entry: Resolution['entry']) {
    this.even = routes.every(({ weight }) => weight === routes[0]!.weight);
    this.targets = routes.flatMap(({ targets }) => targets);
    const near = this.targets.filter(({ endpoint }) => endpoint.near);
    this.near = near.length === this.targets.length ? [] : near;
    this.prices = prices(routes, entry);
    this.cheapest = Math.min(...[...this.prices.values()].filter((price) => price > 0));
    this.isAdapter = entry?.adapters.some(({ name }) => name === this.targets[0]?.model) ?? false;
    this.#keys = Uint32Array.from(this.targets, ({ endpoint }) => endpoint.key);
    for (const target of this.targets) {
      this.#byEndpoint.set(target.endpoint, [...(this.#byEndpoint.get(target.endpoint) ?? []), target]);
    }
  }

  targetsOn(endpoint: Endpoint): readonly Target[] {
    return this.#byEndpoint.get(endpoint) ?? [];
  }

  /** Where the two targets are that the key points to most (rendezvous hashing, Thaler and Ravishankar 1998). */
  ranked(key: number): [number, number] {
    let [first, second, most, more] = [0, 0, -1, -1];
    for (let i = 0; i < this.#keys.length; i += 1) {
      const rank = stir(key ^ this.#keys[i]!) >>> 0;
      if (rank > most) [second, more, first, most] = [first, most, i, rank];
      else if (rank > more) [second, more] = [i, rank];
    }
    return [first, second];
  }

  /** How many of its engines are set aside. */
  ejected(now: number): number {
    let count = 0;
    for (const endpoint of this.#byEndpoint.keys())
      if (endpoint.health.onTrial || endpoint.health.ejected(now)) count += 1;
    return count;
  }

  get size(): number {
    return this.#byEndpoint.size;
  }

  /** Their share of failures, without the one. */
  failureRateBeside(one: Endpoint): number {
    let [sum, count] = [0, 0];
    for (const endpoint of this.#byEndpoint.keys()) {
      if (endpoint === one || endpoint.health.outcomes === 0) continue;
      sum += endpoint.health.failureRate;
      count += 1;
    }
    return count === 0 ? 0 : sum / count;
  }

  /** Brings the figures up to date: for each pick in a small pool; in a large one so often that a pick looks at 16 on average. */
  refresh(now: number): void {
    if (this.#picksLeft > 0) {
      this.#picksLeft -= 1;
      return;
    }
    this.#picksLeft = this.targets.length > maxLookedAt ? Math.floor(this.targets.length / maxLookedAt) : 0;
    let [sum, count] = [0, 0];
    const step = Math.max(1, Math.floor(this.targets.length / maxTimed));
    let timed = 0;
    for (let i = 0; i < this.targets.length; i += 1) {
      const { endpoint } = this.targets[i]!;
      if (!endpoint.facts.ready || endpoint.health.ejected(now)) continue;
      sum += endpoint.busy(now);
      count += 1;
      if (i % step === 0 && endpoint.latency.samples > 0 && timed < times.length) {
        times[timed] = endpoint.latency.perWork(now);
        usual[timed] = endpoint.latency.usual;
        timed += 1;
      }
    }
    this.meanBusy = count === 0 ? 0 : sum / count;
    // Of two nobody can say which is the slow one.
    this.medianLatency = timed < 3 ? 0 : median(times.subarray(0, timed));
    this.usualLatency = timed < 3 ? 0 : median(usual.subarray(0, timed));
  }
}

const times = new Float64Array(maxTimed + 1);
const usual = new Float64Array(maxTimed + 1);

function median(values: Float64Array): number {
  return values.sort()[(values.length - 1) >> 1]!;
}

function prices(routes: readonly Route[], entry: Resolution['entry']): ReadonlyMap<Target, number> {
  const found = new Map<Target, number>();
  // Where the routes are those of the configuration, each is one of its targets.
  if (!entry || entry.targets.length !== routes.length || !entry.targets.some(({ price }) => price)) return found;
  routes.forEach(({ targets }, at) => {
    const price = entry.targets[at]!.price ?? entry.price;
    for (const target of targets) found.set(target, price ? price.input + price.output : 0);
  });
  return found;
}
