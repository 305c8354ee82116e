import type { Outcomes, World } from '../models/world.ts';
import type { ScalingDecision } from '../scaling/decision.ts';
import { judged, type Verdict } from './judge.ts';
import type { Rollout, RolloutPlan } from './rollout-plan.ts';
import { rollouts } from './rollout.metrics.ts';
import { kept, only, probed, rolled } from './steps.ts';
import { othersThan, stableOf, total, versionOf, type Version } from './versions.ts';

/** Brings a Model from one version to the next, a step with each look. What it forgets at a restart it reads off the world. */
export function createRollout(): Rollout {
  return new VersionRollout();
}

interface Watch {
  readonly revision: string;
  readonly since: number;
  /** How requests had gone on both before. */
  readonly fresh: Outcomes;
  readonly old: Outcomes;
}

interface Scene {
  readonly world: World;
  readonly scaling: ScalingDecision;
  readonly stable: string;
  readonly fresh: Version;
  readonly old: readonly Version[];
}

const none: Outcomes = { answered: 0, failed: 0, ttftMs: [] };

class VersionRollout implements Rollout {
  #watch: Watch | undefined;
  /** The version that is on its way; it has been let past its canary. */
  #rolling: string | undefined;
  #passed: string | undefined;
  #failure: { revision: string; words: string } | undefined;
  /** When more of the new version was asked for last. */
  #asked = { count: 0, at: 0 };

  plan(world: World, scaling: ScalingDecision): RolloutPlan {
    const { wanted, model } = world;
    const stable = stableOf(world);
    if (this.#failure && this.#failure.revision !== wanted) this.#failure = undefined;
    const scene: Scene = {
      world,
      scaling,
      stable,
      fresh: versionOf(world, wanted),
      old: othersThan(world, wanted, stable),
    };
    if (wanted === stable) return this.#settled(scene);
    if (model.status?.failedRevision === wanted || this.#failure) return this.#back(scene);
    const underWay = this.#rolling === wanted || model.status?.updatingTo === wanted;
    const serves = total(versionOf(world, stable).ready) > 0;
    if (scaling.desired === 0 || (!serves && !underWay)) return this.#switched(scene);
    this.#begin(wanted, model.status?.updatingTo === wanted && !model.status.canary);
    const wrong = this.#wrong(scene);
    if (wrong) return this.#giveUp(scene, wrong);
    const { canary, strategy } = model.spec.rollout;
    const watched = canary.weight > 0 && (strategy === 'Surge' || scaling.desired > 1) && serves;
    return watched && this.#passed !== wanted ? this.#canary(scene) : this.#roll(scene);
  }

  #begin(wanted: string, passed: boolean): void {
    if (this.#rolling === wanted) return;
    this.#rolling = wanted;
    this.#watch = undefined;
    this.#asked = { count: 0, at: 0 };
    this.#passed = passed ? wanted : undefined;
  }

  /** The version that is wanted serves: all others go, as soon as it can do without them. */
  #settled({ world, scaling, stable, fresh, old }: Scene): RolloutPlan {
    this.#rolling = undefined;
    this.#watch = undefined;
    const groups = only(stable, scaling.byProfile);
    if (old.length === 0)
      return { groups, shares: undefined, stable, phase: 'Steady', message: `version ${stable} serves` };
    const need = scaling.desired - total(fresh.ready);
    const serving = old.map((version) => ({ ...version, present: version.ready }));
    return {
      groups: [...groups, ...kept(serving, scaling.byProfile, fresh.ready, need)],
      ...{ shares: undefined, stable, phase: 'RollingBack' },
      message: `the spec asks for version ${world.wanted} again`,
    };
  }

  /** Nothing serves that could be compared with, or has to be kept: the new version is the one that is started. */
  #switched({ world: { wanted }, scaling }: Scene): RolloutPlan {
    this.#rolling = undefined;
    return {
      groups: only(wanted, scaling.byProfile),
      ...{ shares: undefined, stable: wanted, phase: 'Steady', message: `version ${wanted} serves` },
    };
  }

  #canary(scene: Scene): RolloutPlan {
    const { world, scaling, stable, fresh, old } = scene;
    const { wanted, model, now, demand } = world;
    const { canary, progressDeadlineSeconds } = model.spec.rollout;
    const groups = probed({ desired: scaling.byProfile, fresh, old, rollout: model.spec.rollout });
    const share = (weight: number) =>
      new Map([...old.map(({ revision }) => [revision, 0] as const), [stable, 1 - weight], [wanted, weight]]);
    const plan = { groups, stable, phase: 'Canary' } as const;
    if (total(fresh.ready) === 0) {
      this.#ask(groups, wanted, now);
      return { ...plan, shares: share(0), message: `version ${wanted} starts beside ${stable}`, verdict: 'starting' };
    }
    this.#watch ??= {
      ...{ revision: wanted, since: now, fresh: demand.outcomes.get(wanted) ?? none },
      old: demand.outcomes.get(stable) ?? none,
    };
    const seconds = Math.max(0, (now - this.#watch.since) / 1_000);
    const verdict = this.#judge(scene, seconds >= canary.seconds);
    if (verdict.kind === 'worse') return this.#giveUp(scene, verdict.words);
    // With too little traffic to judge by, it goes on in the end: nothing speaks against it, and it must not wait for ever.
    const over = verdict.kind === 'as good' ? canary.seconds : Math.max(canary.seconds, progressDeadlineSeconds);
    if (seconds >= over) {
      this.#passed = wanted;
      return this.#roll(scene);
    }
    const message = `version ${wanted} gets ${canary.weight} % of the requests beside ${stable}`;
    return { ...plan, shares: share(canary.weight / 100), message, verdict: verdict.words };
  }

  #roll(scene: Scene): RolloutPlan {
    const { world, scaling, stable, fresh, old } = scene;
    const { wanted, model, now, demand } = world;
    this.#watch ??= {
      revision: wanted,
      since: now,
      fresh: demand.outcomes.get(wanted) ?? none,
      old: demand.outcomes.get(stable) ?? none,
    };
    const verdict = this.#judge(scene, false);
    if (verdict.kind === 'worse') return this.#giveUp(scene, verdict.words);
    const done = [...scaling.byProfile].every(([profile, count]) => (fresh.ready.get(profile) ?? 0) >= count);
    if (done && old.length === 0) {
      rollouts.add(1, { outcome: 'done' });
      return this.#switched(scene);
    }
    const groups = rolled({ desired: scaling.byProfile, fresh, old, rollout: model.spec.rollout });
    this.#ask(groups, wanted, now);
    const message = `version ${wanted} takes the place of ${stable}: ${total(fresh.ready)} of ${scaling.desired} ready`;
    return { groups, shares: undefined, stable, phase: 'Rolling', message, verdict: verdict.words };
  }

  #giveUp(scene: Scene, words: string): RolloutPlan {
    const { wanted } = scene.world;
    this.#failure = { revision: wanted, words };
    rollouts.add(1, { outcome: 'given_up' });
    return this.#back(scene);
  }

  /** What serves comes back in full at once; the version that failed gets no request while it goes. */
  #back({ world: { wanted }, scaling, stable, fresh, old }: Scene): RolloutPlan {
    this.#rolling = undefined;
    this.#watch = undefined;
    const why = this.#failure ? `: ${this.#failure.words}` : '';
    const message = `version ${wanted} was given up${why}; ${stable} serves`;
    const groups = only(stable, scaling.byProfile);
    const gone = total(fresh.present) === 0 && old.every(({ revision }) => revision === stable);
    if (gone) return { groups, shares: undefined, stable, phase: 'Steady', message, failedRevision: wanted };
    const serves = old.some(({ revision, ready }) => revision === stable && total(ready) > 0);
    const shares = serves
      ? new Map([
          [stable, 1],
          [wanted, 0],
        ])
      : undefined;
    return { groups, shares, stable, phase: 'RollingBack', message, failedRevision: wanted, verdict: `worse${why}` };
  }

  /** What speaks against the new version without a request: it breaks, or does not come. */
  #wrong({ world, fresh }: Scene): string | undefined {
    const { wanted, trips = [], replicas, now, model } = world;
    const trip = trips.find(({ revision }) => revision === wanted);
    if (trip) return trip.message;
    const own = replicas.filter(({ revision }) => revision === wanted);
    const moved = Math.max(this.#asked.at, ...own.map(({ readyAt }) => Math.min(readyAt ?? 0, now)));
    const { progressDeadlineSeconds } = model.spec.rollout;
    const late = total(fresh.ready) < this.#asked.count && now - moved > progressDeadlineSeconds * 1_000;
    if (!late) return undefined;
    const why = own.find(({ readyAt, reason }) => readyAt === undefined && reason !== '')?.reason;
    return `not ready within ${progressDeadlineSeconds} s${why ? ` (${why})` : ''}`;
  }

  #ask(groups: RolloutPlan['groups'], wanted: string, now: number): void {
    const count = groups.filter(({ revision }) => revision === wanted).reduce((sum, { replicas }) => sum + replicas, 0);
    this.#asked = { count, at: count > this.#asked.count ? now : Math.min(this.#asked.at, now) };
  }

  #judge({ world: { demand, wanted, model }, stable }: Scene, atEnd: boolean): Verdict {
    const since = (revision: string, before: Outcomes) => after(demand.outcomes.get(revision) ?? none, before);
    return judged(since(wanted, this.#watch!.fresh), since(stable, this.#watch!.old), model.spec.rollout.canary, atEnd);
  }
}

/** What came after a snapshot; counters that fell began anew. */
function after(now: Outcomes, before: Outcomes): Outcomes {
  const anew = now.answered < before.answered || now.failed < before.failed;
  const answered = anew ? now.answered : now.answered - before.answered;
  return {
    answered,
    failed: anew ? now.failed : now.failed - before.failed,
    ttftMs: answered === 0 ? [] : now.ttftMs.slice(-answered),
  };
}
