import { modelSpecSchema } from '../models/model-spec.ts';
import type { Outcomes, Replica, World } from '../models/world.ts';
import type { ScalingDecision } from '../scaling/decision.ts';
import type { Rollout, RolloutPlan, Trip } from './rollout-plan.ts';
import { createRollout } from './rollout.ts';

/** Milliseconds that a replica takes to start. */
export const startMs = 30_000;

/** A cluster that does what plans say, at once or after a start, and the status that is written from them. */
export class RolledModel {
  now = Date.UTC(2026, 0, 5);
  wanted = 'a';
  desired: Record<string, number>;
  trips: Trip[] = [];
  /** Versions that never become ready. */
  broken = new Set<string>();
  outcomes = new Map<string, Outcomes>();
  rollout: Rollout = createRollout();
  replicas: Replica[] = [];
  plan!: RolloutPlan;
  /** Over all looks. */
  most = 0;
  fewestReady = Infinity;
  status: NonNullable<World['model']['status']> = {};
  readonly #spec;
  #made = 0;

  constructor(rollout: Record<string, unknown> = {}, desired: Record<string, number> = { p: 3 }) {
    const profiles = Object.keys(desired).map((name) => ({ name }));
    this.#spec = modelSpecSchema.parse({ source: { hub: { repo: 'm' } }, profiles, rollout });
    this.desired = desired;
    this.run(60);
  }

  run(seconds: number): this {
    for (let i = 0; i < seconds; i += 1) this.#second();
    return this;
  }

  /** Adds to how requests of a version went. */
  answers(revision: string, answered: number, failed = 0, ttft = 200): void {
    const before = this.outcomes.get(revision) ?? { answered: 0, failed: 0, ttftMs: [] };
    const ttftMs = [...before.ttftMs, ...Array.from({ length: answered }, () => ttft)].slice(-512);
    this.outcomes.set(revision, { answered: before.answered + answered, failed: before.failed + failed, ttftMs });
  }

  count(revision: string, state?: Replica['state']): number {
    return this.replicas.filter((one) => one.revision === revision && (!state || one.state === state)).length;
  }

  #second(): void {
    this.now += 1_000;
    this.replicas = this.replicas.map((replica) => this.#grown(replica));
    this.plan = this.rollout.plan(this.#world(), this.#scaling());
    const names = new Set(
      [...this.plan.groups, ...this.replicas].map(({ revision, profile }) => `${revision} ${profile}`),
    );
    for (const name of names) {
      const [revision, profile] = name.split(' ') as [string, string];
      const planned = this.plan.groups.find((group) => group.revision === revision && group.profile === profile);
      this.#fit(revision, profile, planned?.replicas ?? 0);
    }
    const { plan, wanted } = this;
    const failed = plan.failedRevision ?? (this.status.failedRevision === wanted ? wanted : undefined);
    this.status = {
      revision: plan.stable,
      ...(plan.phase !== 'Steady' && wanted !== plan.stable && wanted !== failed && { updatingTo: wanted }),
      ...(failed && { failedRevision: failed }),
      ...(plan.phase === 'Canary' && { canary: { weight: 10, requests: 0, verdict: plan.verdict ?? '' } }),
    };
    this.most = Math.max(this.most, this.replicas.length);
    if (this.replicas.length > 0)
      this.fewestReady = Math.min(this.fewestReady, this.replicas.filter(({ state }) => state === 'ready').length);
  }

  #grown(replica: Replica): Replica {
    const ready =
      replica.state === 'starting' && this.now - replica.createdAt >= startMs && !this.broken.has(replica.revision);
    return ready ? { ...replica, state: 'ready', readyAt: this.now } : replica;
  }

  #fit(revision: string, profile: string, count: number): void {
    const own = this.replicas.filter((one) => one.revision === revision && one.profile === profile);
    const order = own.toSorted((a, b) => Number(a.state === 'ready') - Number(b.state === 'ready'));
    const gone = new Set(order.slice(0, Math.max(0, own.length - count)));
    this.replicas = this.replicas.filter((one) => !gone.has(one));
    for (let i = own.length; i < count; i += 1) {
      const pod = `m-${(this.#made += 1)}`;
      const place = { revision, profile, pod, node: 'n', state: 'starting', reason: '', restarts: 0 } as const;
      this.replicas.push({ ...place, createdAt: this.now, adapters: [] });
    }
  }

  #scaling(): ScalingDecision {
    const byProfile = new Map(Object.entries(this.desired));
    const desired = [...byProfile.values()].reduce((sum, count) => sum + count, 0);
    return { byProfile, desired, mode: 'stable', reason: '', sleep: 0 };
  }

  #world(): World {
    const keys = new Set(this.replicas.map(({ revision, profile }) => `${revision} ${profile}`));
    const groups = [...keys].map((key) => {
      const [revision, profile] = key.split(' ') as [string, string];
      const replicas = this.replicas.filter((one) => one.revision === revision && one.profile === profile).length;
      return { revision, profile, replicas, name: key, createdAt: 0 };
    });
    const demand = { held: 0, running: 0, arrived: 0, lastUsedAt: 0, adapters: new Map(), outcomes: this.outcomes };
    const model = {
      apiVersion: 'v1alpha1',
      kind: 'Model',
      metadata: { name: 'm' },
      spec: this.#spec,
      status: this.status,
    };
    return {
      now: this.now,
      model,
      wanted: this.wanted,
      groups,
      replicas: this.replicas,
      demand,
      badNodes: [],
      trips: this.trips,
    };
  }
}
