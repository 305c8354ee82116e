import type { EngineLoad } from '../engine-view.ts';
import type { ModelSpec } from '../models/model-spec.ts';
import type { Demand, Replica, World } from '../models/world.ts';
import { TokenRates } from './token-rates.ts';

/** Of what was learned of the length of answers, half is forgotten after so long. Milliseconds. */
const halfLife = 120_000;
/** A replica at its target is believed within about this time. Milliseconds. */
const belief = 5_000;
/** As near to its target as this, what a replica gives is its capacity and no estimate. */
const near = 0.8;
/** By what power of its size a batch above the target gives more: between 0, nothing, and 1, in proportion. */
const crowding = 0.75;
const startsKept = 9;

interface Capacity {
  tokensPerSecond: number;
  /** It was seen at its target or with a queue, not only far below. */
  proven: boolean;
}

/** What a Model's replicas can do, as measured while they worked. */
export class Learned {
  readonly rates = new TokenRates();
  readonly #capacities = new Map<string, Capacity>();
  readonly #starts: { pod: string; ms: number }[] = [];
  #answers = { tokens: 0, requests: 0 };
  #before: { answered: number; running: number } | undefined;

  look(world: World, at: number, elapsed: number): void {
    const { replicas, model, demand } = world;
    const made = this.rates.look(at, replicas);
    for (const replica of replicas) {
      this.#seeStart(replica);
      if (made.has(replica.pod)) this.#seeCapacity(replica, model.spec, elapsed);
    }
    this.#seeAnswers(made, replicas, demand, elapsed);
  }

  /** Output tokens of a request; undefined: too few have ended. */
  get tokensPerRequest(): number | undefined {
    const { tokens, requests } = this.#answers;
    return requests >= 5 && tokens > 0 ? tokens / requests : undefined;
  }

  /** Output tokens a second that a replica gives at its target; undefined: none worked yet. */
  capacity(profile: string): number | undefined {
    return this.#capacities.get(profile)?.tokensPerSecond;
  }

  /** The same, where it was seen at work and is good enough to compare profiles by. */
  provenCapacity(profile: string): number | undefined {
    const capacity = this.#capacities.get(profile);
    return capacity?.proven ? capacity.tokensPerSecond : undefined;
  }

  /** From a pod's creation to its first readiness, milliseconds, the middle of the last ones; undefined: none seen. */
  get startMs(): number | undefined {
    return this.#starts.map(({ ms }) => ms).toSorted((a, b) => a - b)[this.#starts.length >> 1];
  }

  #seeStart({ pod, readyAt, createdAt }: Replica): void {
    if (readyAt === undefined || readyAt < createdAt || this.#starts.some((start) => start.pod === pod)) return;
    this.#starts.push({ pod, ms: readyAt - createdAt });
    if (this.#starts.length > startsKept) this.#starts.shift();
  }

  /**
   * With a queue, what a replica gives is all it can. Else it is what it would give with as many requests as its target at the
   * speed that each has now, and believed the more the nearer it is to that.
   */
  #seeCapacity({ pod, profile, load }: Replica, spec: ModelSpec, elapsed: number): void {
    const generated = this.rates.of(pod)?.generated ?? 0;
    if (!load || load.running === 0 || generated === 0) return;
    const target = spec.scaling.target.requests;
    const full = queues(load, spec.scaling.target) && load.running <= target;
    const closeness = full ? 1 : Math.min(load.running, target) / Math.max(load.running, target);
    const seen = full ? generated : generated * (target / load.running) ** (load.running > target ? crowding : 1);
    const known = this.#capacities.get(profile);
    if (!known) {
      this.#capacities.set(profile, { tokensPerSecond: seen, proven: closeness >= near });
      return;
    }
    known.tokensPerSecond += (seen - known.tokensPerSecond) * closeness ** 2 * Math.min(1, elapsed / belief);
    known.proven ||= closeness >= near;
  }

  /** Tokens over requests that ended; of those that came to run, half is taken to be done. */
  #seeAnswers(made: ReadonlyMap<string, number>, replicas: readonly Replica[], demand: Demand, elapsed: number): void {
    if (made.size === 0) return;
    const answered = sum([...demand.outcomes.values()].map((outcomes) => outcomes.answered));
    const running = sum(replicas.map(({ load }) => load?.running ?? 0));
    const before = this.#before;
    this.#before = { answered, running };
    if (!before || answered < before.answered) return;
    const kept = 0.5 ** (elapsed / halfLife);
    const ended = answered - before.answered + (running - before.running) / 2;
    this.#answers = {
      tokens: this.#answers.tokens * kept + sum([...made.values()]),
      requests: Math.max(0, this.#answers.requests * kept + ended),
    };
  }
}

/** More waits than a batch takes in between two looks. */
function queues({ waiting, kvCacheUsage }: EngineLoad, target: ModelSpec['scaling']['target']): boolean {
  return waiting >= target.waiting || (waiting > 0 && kvCacheUsage >= target.kvCache);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
