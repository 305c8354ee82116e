import type { ModelSpec } from '../models/model-spec.ts';
import type { Replica, World } from '../models/world.ts';
import type { Trip } from '../rollout/rollout-plan.ts';
import { askOf, tolerance, type Ask } from './asks.ts';
import type { Scaler, ScalingDecision } from './decision.ts';
import { IdleLadder, type Idleness } from './idle.ts';
import { Learned } from './learned.ts';
import { loadKeys, loadOf } from './load.ts';
import { lotsOf, totalOf, unitsOf, unitTokens, type Counts, type Lot } from './lots.ts';
import { Pace } from './pace.ts';
import { counted, placed, thinned } from './placement.ts';
import { decisions } from './scaling.metrics.ts';
import { Schedules, type Bounds } from './schedules.ts';
import { Unplaceable } from './unplaceable.ts';
import { WatchedTime } from './watched-time.ts';
import { MaxWindow, MeanWindow } from './windows.ts';

export interface ScalerOptions {
  /** How long a replica may look for a node until another profile is tried. */
  readonly placementPatienceSeconds?: number;
}

export function createScaler(options: ScalerOptions = {}): Scaler {
  return new Autoscaler(options);
}

/** What a decision stands on, beside what is remembered. */
interface Scene {
  readonly world: World;
  readonly spec: ModelSpec;
  readonly bounds: Bounds;
  readonly idle: Idleness;
  readonly lots: readonly Lot[];
  readonly serving: readonly Replica[];
  /** Counts that stay as they are unless something asks for more or less. */
  readonly counts: Counts;
  /** Units on nodes that are not to be trusted. */
  readonly lost: number;
}

interface Wanted {
  readonly counts: Counts;
  readonly mode: string;
  readonly reason: string;
  /** What the sentence is about. */
  readonly about?: string;
}

/**
 * Knative's two windows over tokens, queues and caches instead of connections. What starts counts as there; what a start
 * takes is learned, and while something starts nothing is taken away, so that the end of a panic does not undo it.
 */
class Autoscaler implements Scaler {
  readonly #time = new WatchedTime();
  readonly #learned = new Learned();
  readonly #loads = new MeanWindow(loadKeys);
  readonly #peak = new MaxWindow();
  readonly #pace = new Pace();
  readonly #idle = new IdleLadder();
  readonly #schedules = new Schedules();
  readonly #unplaceable: Unplaceable;
  #counts: Counts | undefined;
  #panicUntil = -Infinity;
  #last: ScalingDecision | undefined;
  #about: string | undefined;

  constructor({ placementPatienceSeconds = 120 }: ScalerOptions) {
    this.#unplaceable = new Unplaceable(placementPatienceSeconds * 1_000);
  }

  decide(world: World): ScalingDecision {
    const elapsed = this.#time.look(world.now);
    this.#learned.look(world, this.#time.at, elapsed);
    const scene = this.#look(world);
    const wanted = this.#want(scene, elapsed);
    const { counts } = wanted;
    this.#counts = counts;
    this.#pace.add(this.#time.at, totalOf(counts));
    return this.#told(wanted, totalOf(counts) > 0 ? scene.idle.sleep : 0);
  }

  #look(world: World): Scene {
    const { spec } = world.model;
    const stuck = this.#unplaceable.look(world.replicas, world.now);
    const closed = this.#unplaceable.closed(world.now);
    // Where no profile finds a node, one is as good as another, and the cluster may yet find one.
    const open = spec.profiles.every(({ name }) => closed.has(name)) ? new Set<string>() : closed;
    const lots = lotsOf(spec, this.#learned, open);
    const bounds = this.#schedules.boundsAt(spec.scaling, world.now);
    const bad = new Set(world.badNodes.map(({ node }) => node));
    const present = world.replicas.filter(({ state }) => state !== 'draining' && state !== 'ending');
    const serving = present.filter(({ state }) => state === 'ready');
    const faulty = new Map<string, number>();
    for (const { node, profile } of present) if (bad.has(node)) faulty.set(profile, (faulty.get(profile) ?? 0) + 1);
    return {
      ...{ world, spec, bounds, lots, serving, lost: unitsOf(faulty, lots) },
      idle: this.#idle.look(world, spec.scaling, { min: bounds.min, knows: this.#knowsEnough(spec) }),
      counts: this.#movable(stuck, lots, present),
    };
  }

  /** What was decided last; without what finds no node, where another profile has room. */
  #movable(stuck: ReadonlyMap<string, number>, lots: readonly Lot[], present: readonly Replica[]): Counts {
    const counts = new Map(lots.map(({ profile }) => [profile, this.#counts?.get(profile) ?? 0]));
    for (const [profile, count] of stuck) {
      const elsewhere = lots.some((lot) => lot.open && lot.profile !== profile && counts.get(lot.profile)! < lot.max);
      const placedOnes = present.filter((replica) => replica.profile === profile).length - count;
      if (elsewhere) counts.set(profile, Math.min(counts.get(profile) ?? 0, placedOnes));
    }
    return counts;
  }

  #want(scene: Scene, elapsed: number): Wanted {
    const { spec, bounds, lots } = scene;
    const begun = this.#counts === undefined;
    const counts = begun ? inherited(scene.world, lots) : scene.counts;
    if (begun) this.#pace.add(this.#time.at, totalOf(counts));
    const { ask, panic } = this.#ask(scene, elapsed, counts);
    if (spec.replicas !== undefined) {
      return {
        counts: counted(counts, lots, spec.replicas),
        mode: 'fixed',
        reason: `spec.replicas is ${spec.replicas}`,
      };
    }
    if (scene.idle.zero && this.#mayTake(scene)) {
      const said = `nothing was asked of it for ${spec.scaling.idle.zeroSeconds} s`;
      return { counts: counted(counts, lots, 0), mode: 'idle', reason: said };
    }
    const raised = this.#raised({ ...scene, counts }, ask);
    const held = tripOf(scene.world);
    const most = Math.max(totalOf(counts), held?.halfOpen ? 1 : 0);
    if (held && totalOf(raised.counts) > most) {
      return { counts: counted(counts, lots, Math.min(most, bounds.max)), mode: 'held', reason: held.message };
    }
    const lowered =
      panic || raised.short || !this.#mayTake(scene) ? raised.counts : this.#lowered(scene, raised.counts, ask);
    const mode = this.#mode(scene, { ask, panic, short: raised.short }, lowered);
    const unreadable = bounds.unreadable.map((schedule) => `; schedule ${schedule}`).join('');
    const about = ask.kind === 'nothing' ? ask.words : 'load';
    return { counts: lowered, mode, about, reason: `${words(mode, scene, ask, lowered)}${unreadable}` };
  }

  /** What the load asks for: the larger of both windows in a panic. */
  #ask(scene: Scene, elapsed: number, counts: Counts): { ask: Ask; panic: boolean } {
    const { spec, serving, world, lots } = scene;
    const { scaling } = spec;
    const at = this.#time.at;
    const [stable, panic] = [scaling.stableWindowSeconds, scaling.panicWindowSeconds].map(
      (s) => Math.max(1, s) * 1_000,
    );
    if (serving.length === 0) return { ask: this.#activation(scene), panic: at < this.#panicUntil };
    if (serving.every(({ load }) => load === undefined)) {
      return { ask: this.#unsure(scene, counts), panic: at < this.#panicUntil };
    }
    const load = loadOf(serving, world.demand, spec, lots, this.#learned);
    this.#loads.add(at, elapsed, load, Math.max(stable!, panic!));
    const facts = {
      ...{ target: scaling.target, stableWindowSeconds: scaling.stableWindowSeconds, serving: serving.length },
      servingUnits: unitsOf(countedBy(serving), lots),
      tokensPerRequest: this.#learned.tokensPerRequest,
      unitTokens: unitTokens(lots),
    };
    const least = panic! / 2;
    const means = [stable!, panic!].map((span) => this.#loads.mean(at, span, least));
    if (!means[0] || !means[1]) return { ask: this.#unsure(scene, counts), panic: at < this.#panicUntil };
    const [calm, sudden] = means.map((mean, i) => askOf(mean!, { ...facts, patient: i === 0 }));
    if (sudden!.units >= scaling.panicThreshold * Math.max(facts.servingUnits, 1)) this.#panicUntil = at + stable!;
    const panicking = at < this.#panicUntil;
    const ask = panicking && sudden!.units > calm!.units ? sudden! : calm!;
    this.#peak.add(at, ask.units, scaling.scaleDownDelaySeconds * 1_000);
    return { ask, panic: panicking };
  }

  /** Who sees nothing changes nothing. */
  #unsure({ spec, lots, lost }: Scene, counts: Counts): Ask {
    const units = Math.max(0, unitsOf(counts, lots) - lost);
    this.#peak.add(this.#time.at, units, spec.scaling.scaleDownDelaySeconds * 1_000);
    return { units, kind: 'nothing', words: 'the replicas do not tell their load, or not for long enough' };
  }

  /** With nothing that serves, what is held asks at once. */
  #activation({ world, spec }: Scene): Ask {
    const { held } = world.demand;
    const { target } = spec.scaling;
    const units = held / target.requests;
    this.#peak.add(this.#time.at, units, spec.scaling.scaleDownDelaySeconds * 1_000);
    if (held === 0) return { units: 0, kind: 'nothing', words: 'nothing to do' };
    return { units, kind: 'requests', words: `${held} held, target ${target.requests} each` };
  }

  #raised({ world, spec, bounds, lots, counts, lost }: Scene, ask: Ask): { counts: Counts; short: boolean } {
    const { demand } = world;
    const active = demand.held > 0 || demand.running > 0 || demand.arrived > 0;
    const floor = Math.min(bounds.max, Math.max(bounds.min, active ? 1 : 0));
    const within = counted(counts, lots, Math.min(Math.max(totalOf(counts), floor), bounds.max));
    const need = ask.units / tolerance + lost;
    const most = Math.min(bounds.max, Math.max(totalOf(within), this.#pace.most(this.#time.at, spec.scaling)));
    const raised = placed(within, lots, need, most);
    return { counts: raised, short: unitsOf(raised, lots) < need - 1e-6 };
  }

  #lowered({ spec, bounds, lots, lost }: Scene, counts: Counts, ask: Ask): Counts {
    // The last one goes by the ladder of idleness alone.
    const fewest = Math.max(bounds.min, 1, this.#pace.fewest(this.#time.at, spec.scaling));
    const units = this.#peak.max;
    return thinned(counts, lots, { units: units + lost, fewest, settled: units <= ask.units + 0.25 });
  }

  /** Whether something may be taken away: enough has been seen, and nothing that was ordered is still to come. */
  #mayTake({ world, spec }: Scene): boolean {
    if (!this.#knowsEnough(spec)) return false;
    const patience = 2 * (this.#learned.startMs ?? (spec.startTimeoutSeconds * 1_000) / 2);
    return !world.replicas.some(
      ({ state, createdAt, readyAt }) =>
        (state === 'pending' || state === 'starting') && readyAt === undefined && world.now - createdAt < patience,
    );
  }

  #knowsEnough({ scaling }: ModelSpec): boolean {
    return this.#time.watched >= scaling.stableWindowSeconds * 1_000;
  }

  #mode(scene: Scene, found: { ask: Ask; panic: boolean; short: boolean }, counts: Counts): string {
    const { bounds, serving, world, idle, lots } = scene;
    const total = totalOf(counts);
    if (found.short) return 'limited';
    if (serving.length === 0 && world.demand.held > 0) return 'activation';
    if (found.panic) return 'panic';
    if (bounds.schedule !== undefined && total === bounds.min && unitsOf(counts, lots) > found.ask.units)
      return 'schedule';
    return total === 0 || idle.sleep > 0 ? 'idle' : 'stable';
  }

  /** The sentence stays while what it explains does. */
  #told({ counts, mode, reason, about }: Wanted, sleep: 0 | 1 | 2): ScalingDecision {
    const desired = totalOf(counts);
    const last = this.#last;
    const same =
      this.#about === about &&
      last !== undefined &&
      last.mode === mode &&
      last.sleep === sleep &&
      equal(last.byProfile, counts);
    if (last && last.desired !== desired) decisions.add(1, { mode, direction: desired > last.desired ? 'up' : 'down' });
    this.#about = about;
    this.#last = same ? last : { byProfile: counts, desired, mode, reason, sleep };
    return this.#last;
  }
}

/** What keeps the version that serves from having more replicas. */
function tripOf({ trips = [], model, wanted }: World): Trip | undefined {
  const serving = model.status?.revision ?? wanted;
  return trips.find(({ kind, revision = serving }) => kind !== 'Unschedulable' && revision === serving);
}

/** What there is when a controller begins: what the last one decided, else what the workloads ask for. */
function inherited({ model, groups }: World, lots: readonly Lot[]): Counts {
  const decided = model.status?.scaling?.byProfile;
  const asked = (profile: string) =>
    decided
      ? (decided.find((one) => one.profile === profile)?.replicas ?? 0)
      : groups.filter((group) => group.profile === profile).reduce((total, { replicas }) => total + replicas, 0);
  return new Map(lots.map(({ profile }) => [profile, asked(profile)]));
}

function countedBy(replicas: readonly Replica[]): Counts {
  const counts = new Map<string, number>();
  for (const { profile } of replicas) counts.set(profile, (counts.get(profile) ?? 0) + 1);
  return counts;
}

function words(mode: string, { bounds, idle, spec }: Scene, ask: Ask, counts: Counts): string {
  const total = totalOf(counts);
  const wants = Math.ceil(ask.units / tolerance - 1e-6);
  const by: Record<string, string> = {
    limited: `${ask.words}: wants ${wants}, has ${total} for now (at most ${bounds.max})`,
    schedule: `schedule ${bounds.schedule} keeps ${total}`,
    idle:
      total > 0
        ? `nothing was asked of it for ${idle.sleep === 2 ? spec.scaling.idle.deepSleepSeconds : spec.scaling.idle.sleepSeconds} s: sleep level ${idle.sleep}`
        : 'nothing is asked of it',
  };
  return by[mode] ?? `${ask.words}: ${total}`;
}

function equal(a: Counts, b: Counts): boolean {
  return a.size === b.size && [...a].every(([profile, count]) => b.get(profile) === count);
}
