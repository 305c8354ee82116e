import { createSeededRandom } from '@flotilla/testkit';
import { modelSpecSchema, type ModelSpec } from '../models/model-spec.ts';
import type { BadNode, Replica, World } from '../models/world.ts';
import { createScaler } from './autoscaler.ts';
import type { ScalingDecision } from './decision.ts';
import { ModelledReplica, type Hardware, type Request } from './modelled-replica.fixture.ts';
import type { Trace } from './traces/trace.fixture.ts';

/** Milliseconds since 1970 of a trace's beginning: a Monday, midnight UTC. */
export const beginning = Date.UTC(2026, 0, 5);
const stepMs = 200;

export interface Look {
  /** Seconds since the beginning. */
  readonly at: number;
  readonly ready: number;
  readonly present: number;
  readonly decision: ScalingDecision;
}

export interface Replayed {
  readonly looks: readonly Look[];
  /** Of replicas, from their order to their end. */
  readonly replicaSeconds: number;
  /** The same, had the load been known before: just as many as it takes at each moment. */
  readonly bestReplicaSeconds: number;
  readonly usd: number;
  /** How often what is wanted changed, and how often it turned from more to less or back. */
  readonly changes: number;
  readonly turns: number;
  /** 95th percentile of the time to the first token, seconds, of what arrived between two times; what got none counts as endless. */
  p95(from: number, to: number): number;
  /** What was wanted at a time. */
  wanted(at: number): ScalingDecision;
}

/** Sends a trace's load to modelled replicas that a Scaler orders and takes away, in time of its own. Exact, the same each time. */
export function replay(trace: Trace, seed = 1): Replayed {
  return new Replay(trace, seed).run();
}

class Replay {
  readonly #trace: Trace;
  readonly #spec: ModelSpec;
  readonly #random;
  readonly #arrived: Request[] = [];
  readonly #looks: Look[] = [];
  #scaler = createScaler();
  #replicas: ModelledReplica[] = [];
  #held: Request[] = [];
  #made = 0;
  #lastSecond = 0;
  #arrivedLast = 0;
  #lastUsedAt = 0;
  #usd = 0;
  #best = 0;
  #replicaSeconds = 0;

  constructor(trace: Trace, seed: number) {
    this.#trace = trace;
    this.#random = createSeededRandom(seed);
    const profiles = trace.profiles.map(({ hardware: _, nodes: __, startSeconds: ___, ...profile }) => profile);
    this.#spec = modelSpecSchema.parse({ source: { hub: { repo: 'm' } }, profiles, scaling: trace.scaling });
    const from = trace.replicas ?? 0;
    for (let i = 0; i < from; i += 1) this.#make(trace.profiles[0]!.name, -3_600).readyAt = beginning - 3_000_000;
  }

  run(): Replayed {
    const { seconds } = this.#trace;
    for (let ms = 0; ms < seconds * 1_000; ms += stepMs) {
      const at = ms / 1_000;
      this.#arrive(at);
      for (const replica of this.#replicas) replica.step(beginning + ms, stepMs / 1_000);
      this.#send();
      if (ms % 1_000 === 0) [this.#arrivedLast, this.#lastSecond] = [this.#lastSecond, 0];
      if (ms % 1_000 === 0 && !this.#trace.blind?.(at)) this.#decide(at);
      this.#count(at);
    }
    return this.#report();
  }

  #arrive(at: number): void {
    const { rate, prompt, output } = this.#trace;
    const expected = rate(at) * (stepMs / 1_000);
    let chance = this.#random.next();
    for (let p = Math.exp(-expected), k = 0; chance > p && k < 1_000; chance -= p, k += 1, p *= expected / k) {
      const length = 0.5 + this.#random.next();
      const request = { at, prompt, output: Math.ceil(output * length), done: 0, prefilled: 0, firstAt: undefined };
      this.#arrived.push(request);
      this.#held.push(request);
      this.#lastSecond += 1;
      this.#lastUsedAt = beginning + at * 1_000;
    }
  }

  #send(): void {
    const open = this.#replicas.filter(({ state }) => state === 'ready');
    for (const request of open.length > 0 ? this.#held.splice(0) : []) {
      open.reduce((least, one) => (one.inFlight < least.inFlight ? one : least)).queue.push(request);
    }
  }

  #decide(at: number): void {
    this.#trace.happens?.(at, this.#replicas);
    if (this.#trace.restarts?.includes(at)) this.#scaler = createScaler();
    const decision = this.#scaler.decide(this.#world(at));
    for (const { name } of this.#trace.profiles) this.#fit(name, decision.byProfile.get(name) ?? 0, at);
    for (const replica of this.#replicas) replica.sleepTo(decision.sleep, beginning + at * 1_000);
    const ready = this.#replicas.filter(({ state }) => state === 'ready').length;
    this.#looks.push({ at, ready, present: this.#replicas.length, decision });
  }

  #world(at: number): World {
    const now = beginning + at * 1_000;
    const silent = this.#trace.silent?.(at) ?? false;
    const replicas = this.#replicas.map((replica): Replica => {
      const told = replica.told();
      return silent ? { ...told, load: undefined, generatedTokens: undefined } : told;
    });
    const answered = this.#replicas.reduce((sum, { answered: own }) => sum + own, this.#gone);
    return {
      now: this.#trace.clock?.(at, now) ?? now,
      model: { apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', metadata: { name: 'm' }, spec: this.#spec },
      wanted: 'a',
      groups: this.#trace.profiles.map(({ name: profile }) => ({
        ...{ revision: 'a', profile, name: `m-${profile}-a`, createdAt: beginning },
        replicas: this.#replicas.filter((one) => one.profile === profile && one.state !== 'draining').length,
      })),
      replicas,
      demand: {
        held: this.#held.length,
        running: this.#replicas.reduce((sum, { inFlight }) => sum + inFlight, 0),
        ...{ arrived: this.#arrivedLast, lastUsedAt: this.#lastUsedAt, adapters: new Map() },
        outcomes: new Map([['a', { answered, failed: 0, ttftMs: [] }]]),
      },
      badNodes: (this.#trace.badNodes?.(at) ?? []) as BadNode[],
    };
  }

  #gone = 0;

  /** As the cluster and its drains do: more are made at once, the emptiest go when they are done. */
  #fit(profile: string, count: number, at: number): void {
    const own = this.#replicas.filter((one) => one.profile === profile && one.state !== 'draining');
    for (let i = own.length; i < count; i += 1) this.#make(profile, at);
    const order = own.toSorted(
      (a, b) => Number(b.state === 'pending') - Number(a.state === 'pending') || a.inFlight - b.inFlight,
    );
    for (const replica of order.slice(0, Math.max(0, own.length - count))) replica.state = 'draining';
    for (const replica of this.#replicas)
      if (replica.state === 'draining' && replica.inFlight === 0) this.#gone += replica.answered;
    this.#replicas = this.#replicas.filter(({ state, inFlight }) => state !== 'draining' || inFlight > 0);
  }

  #make(profile: string, at: number): ModelledReplica {
    const { hardware, startSeconds, nodes } = this.#trace.profiles.find(({ name }) => name === profile)!;
    const now = beginning + at * 1_000;
    const placed = () =>
      this.#replicas.filter((one) => one.profile === profile && one.state !== 'pending').length < (nodes ?? Infinity);
    const made = new ModelledReplica(
      `m-${(this.#made += 1)}`,
      profile,
      now,
      hardware as Hardware,
      startSeconds ?? 30,
      placed,
    );
    this.#replicas.push(made);
    return made;
  }

  #count(at: number): void {
    const { rate, output, profiles, scaling } = this.#trace;
    const held = this.#replicas.filter(({ state }) => state !== 'pending');
    this.#replicaSeconds += (held.length * stepMs) / 1_000;
    for (const { profile } of held) {
      this.#usd += (profiles.find(({ name }) => name === profile)!.costPerHour ?? 1) * (stepMs / 3_600_000);
    }
    const { decode, slowdown } = profiles[0]!.hardware;
    const target = scaling.target?.requests ?? 32;
    const gives = (target * decode) / (1 + slowdown * (target - 1));
    this.#best += Math.max(scaling.minReplicas ?? 1, Math.ceil((rate(at) * output) / gives)) * (stepMs / 1_000);
  }

  #report(): Replayed {
    const looks = this.#looks;
    const steps = looks.slice(1).map(({ decision }, i) => Math.sign(decision.desired - looks[i]!.decision.desired));
    const moves = steps.filter((step) => step !== 0);
    return {
      ...{ looks, replicaSeconds: this.#replicaSeconds, bestReplicaSeconds: this.#best, usd: this.#usd },
      changes: moves.length,
      turns: moves.slice(1).filter((move, i) => move !== moves[i]).length,
      p95: (from, to) => {
        const waits = this.#arrived
          .filter(({ at }) => at >= from && at < to)
          .map(({ at, firstAt }) => (firstAt === undefined ? Infinity : firstAt - at))
          .toSorted((a, b) => a - b);
        return waits[Math.floor(waits.length * 0.95)] ?? 0;
      },
      wanted: (at) => looks.findLast((look) => look.at <= at)!.decision,
    };
  }
}
