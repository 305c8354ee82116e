import type { Model, ModelStatus } from '../models/model.ts';
import { conditionsAfter, type NewCondition } from '../models/conditions.ts';
import { podSelector } from '../models/names.ts';
import type { World } from '../models/world.ts';
import type { AdapterView } from '../replicas/replicas.ts';
import type { RolloutPlan, Trip } from '../rollout/rollout-plan.ts';
import type { ScalingDecision } from '../scaling/decision.ts';
import type { Problem } from './workloads.ts';

/** All that a status is made from. */
export interface Judged {
  readonly world: World;
  readonly scaling: ScalingDecision;
  readonly plan: RolloutPlan;
  readonly trips: readonly Trip[];
  readonly adapters: readonly AdapterView[];
  readonly problem: Problem | undefined;
}

export function statusOf(judged: Judged): ModelStatus {
  const { world, scaling, plan, adapters } = judged;
  const { model, now, wanted, replicas } = world;
  const before: ModelStatus = model.status ?? {};
  const there = replicas.filter(({ state }) => state !== 'ending');
  const ready = there.filter(({ state }) => state === 'ready').length;
  const asleep = there.filter(({ state }) => state === 'asleep').length;
  const { generation } = model.metadata;
  const failed = failedRevision(judged);
  const requests = world.demand.outcomes.get(wanted);
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    phase: phaseOf(judged, ready, asleep),
    ...{ replicas: there.length, readyReplicas: ready, sleepingReplicas: asleep, desiredReplicas: scaling.desired },
    selector: podSelector(model.metadata.name),
    revision: plan.stable,
    ...(plan.phase !== 'Steady' && wanted !== plan.stable && wanted !== failed && { updatingTo: wanted }),
    ...(failed !== undefined && { failedRevision: failed }),
    ...(plan.phase === 'Canary' && {
      canary: {
        weight: Math.round(100 * (plan.shares?.get(wanted) ?? 0)),
        requests: (requests?.answered ?? 0) + (requests?.failed ?? 0),
        verdict: plan.verdict ?? '',
      },
    }),
    ...(adapters.length > 0 && { adapters: adapters.map((adapter) => ({ ...adapter })) }),
    scaling: {
      ...{ desired: scaling.desired, mode: scaling.mode, reason: scaling.reason },
      decidedAt: before.scaling?.desired === scaling.desired ? before.scaling.decidedAt : new Date(now).toISOString(),
      byProfile: [...scaling.byProfile].map(([profile, count]) => ({ profile, replicas: count })),
    },
    conditions: conditionsAfter(before.conditions ?? [], conditionsOf(judged, ready, asleep), now, generation),
  };
}

/** Of a Model whose spec cannot be taken: what is there stays as it is. */
export function invalidStatus(model: Omit<Model, 'spec'>, problem: string, now: number): ModelStatus {
  const { generation } = model.metadata;
  const before: ModelStatus = model.status ?? {};
  const invalid = { type: 'Ready', status: 'False', reason: 'InvalidSpec', message: problem } as const;
  return {
    ...before,
    phase: 'Invalid',
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: conditionsAfter(before.conditions ?? [], [invalid], now, generation),
  };
}

/** A version that was given up stays so until the spec asks for another. */
export function failedRevision({ world, plan }: Pick<Judged, 'world' | 'plan'>): string | undefined {
  const known = world.model.status?.failedRevision;
  return plan.failedRevision ?? (known === world.wanted ? known : undefined);
}

function phaseOf(judged: Judged, ready: number, asleep: number): string {
  const { world, scaling, plan, trips, problem } = judged;
  if (world.model.metadata.deletionTimestamp !== undefined) return 'Deleting';
  if (problem || trips.length > 0) return 'Degraded';
  if (plan.phase !== 'Steady') return 'Rolling';
  if (ready > 0) return 'Ready';
  if (sleeps(judged, asleep)) return 'Sleeping';
  return scaling.desired === 0 ? 'Zero' : 'Starting';
}

function conditionsOf(judged: Judged, ready: number, asleep: number): NewCondition[] {
  const { world, scaling, plan, trips, problem } = judged;
  const { desired, mode } = scaling;
  const trip = trips[0];
  const degraded = problem ?? (trip && { reason: trip.kind, message: trip.message });
  const rolling = plan.phase !== 'Steady';
  const waiting = world.replicas.find(({ state }) => state !== 'ready' && state !== 'asleep' && state !== 'ending');
  return [
    ready > 0
      ? { type: 'Ready', status: 'True', reason: 'Serving', message: `${ready} of ${desired} replicas serve.` }
      : { type: 'Ready', status: 'False', ...notServing(desired, sleeps(judged, asleep), waiting?.reason) },
    rolling
      ? { type: 'Progressing', status: 'True', reason: plan.phase, message: plan.message }
      : ready < desired
        ? { type: 'Progressing', status: 'True', reason: 'Scaling', message: `${desired} replicas are wanted.` }
        : { type: 'Progressing', status: 'False', reason: 'AsWanted', message: 'Nothing is under way.' },
    mode === 'fixed' || mode === 'held'
      ? {
          type: 'ScalingActive',
          status: 'False',
          reason: mode === 'fixed' ? 'Fixed' : 'Held',
          message: notScaling[mode],
        }
      : { type: 'ScalingActive', status: 'True', reason: 'Following', message: 'Replicas follow what is asked for.' },
    degraded
      ? { type: 'Degraded', status: 'True', reason: degraded.reason, message: degraded.message }
      : { type: 'Degraded', status: 'False', reason: 'AsWanted', message: 'Nothing is in the way.' },
  ];
}

/** What falls asleep counts: a request has it back as soon as one that sleeps. */
function sleeps({ world, scaling }: Judged, asleep: number): boolean {
  return asleep > 0 || (scaling.sleep > 0 && world.replicas.some(({ state }) => state === 'draining'));
}

const notScaling = {
  fixed: 'spec.replicas says how many there are.',
  held: 'More replicas would fail as those that are there.',
} as const;

function notServing(desired: number, sleeping: boolean, why: string | undefined): { reason: string; message: string } {
  if (sleeping) return { reason: 'Sleeping', message: 'The replicas sleep; a request wakes one.' };
  if (desired === 0) return { reason: 'AtZero', message: 'No replica runs; a request starts one.' };
  return { reason: 'Starting', message: why ? `No replica serves yet: ${why}` : 'No replica serves yet.' };
}
