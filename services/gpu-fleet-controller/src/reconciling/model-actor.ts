import type { Clock } from '@flotilla/kernel';
import { type KubeApi } from '@flotilla/kubernetes';
import { span } from '@flotilla/telemetry';
import type { ScopeDemand } from '../demand/scope-demand.ts';
import { CurrentShape } from '../models/current-shape.ts';
import type { Model, ModelStatus } from '../models/model.ts';
import type { World } from '../models/world.ts';
import type { Replicas } from '../replicas/replicas.ts';
import type { Breaker, Rollout, RolloutPlan, Trip } from '../rollout/rollout-plan.ts';
import type { Scaler, ScalingDecision } from '../scaling/decision.ts';
import { hold, isHeld } from './finalizer.ts';
import { modelReplicas } from './reconciling.metrics.ts';
import { Removals } from './removals.ts';
import { Reports, type Recorder } from './reports.ts';
import { statusOf } from './status-of.ts';
import { StatusWriter } from './status-writer.ts';
import { Workloads, type WorkloadPorts } from './workloads.ts';

/** How soon it is looked at again while something runs or is under way, and when all is calm. Milliseconds. */
const busyMs = 1_000;
const calmMs = 30_000;
/** What is not known is not judged: it is woken when all of its engines have been asked. */
const unknownMs = 5_000;
/** Longer than the drain of a replica, for its pod to go. Milliseconds. */
const retirementMarginMs = 15_000;

/** What decides for one Model; each remembers what it saw. */
export interface Deciders {
  readonly scaler: Scaler;
  readonly rollout: Rollout;
  readonly breaker: Breaker;
}

export interface ActorPorts extends WorkloadPorts {
  readonly api: Pick<KubeApi, 'apply' | 'applyStatus' | 'patch' | 'delete'>;
  readonly replicas: Replicas;
  readonly demand: ScopeDemand;
  readonly clock: Clock;
  readonly recorder: Recorder;
}

/** Makes one Model true, step by step. Lives as long as this controller leads. */
export class ModelActor {
  private readonly shape: CurrentShape;
  private readonly workloads: Workloads;
  private readonly removals: Removals;
  private readonly status: StatusWriter;
  private readonly reports: Reports;

  constructor(
    private readonly scope: string,
    private readonly deciders: Deciders,
    private readonly ports: ActorPorts,
  ) {
    this.shape = new CurrentShape(ports.chart.version, ports.defaults);
    this.workloads = new Workloads(scope, this.shape, ports);
    this.removals = new Removals(scope, ports);
    this.status = new StatusWriter(ports.api, ports.clock);
    this.reports = new Reports(ports.recorder);
  }

  /** One look and what follows from it. Returns the milliseconds until the next. */
  async act(model: Model, signal: AbortSignal): Promise<number> {
    const { deletionTimestamp } = model.metadata;
    const held = isHeld(model.metadata);
    if (deletionTimestamp !== undefined) return held ? this.retire(this.look(model), signal) : calmMs;
    if (!held) await hold(this.ports.api, model.metadata, true, signal);
    if (!this.ports.replicas.known()) return unknownMs;
    return span('fleet.reconcile', { 'fleet.model': this.scope }, () => this.pursue(this.look(model), signal));
  }

  private look(model: Model): World {
    const { view, clock, replicas, demand } = this.ports;
    return {
      now: clock.now(),
      model,
      wanted: this.shape.of(model).revision,
      groups: view.groupsOf(this.scope),
      replicas: replicas.list(),
      demand: demand.demand(),
      badNodes: view.badNodes(),
    };
  }

  private async pursue(seen: World, signal: AbortSignal): Promise<number> {
    const { breaker, scaler, rollout } = this.deciders;
    const { replicas } = this.ports;
    const trips = breaker.look(seen);
    const world = { ...seen, trips };
    const scaling = scaler.decide(world);
    const plan = rollout.plan(world, scaling);
    this.steer(world, scaling, plan, trips);
    const targets = await this.removals.targets(world, plan.groups, signal);
    const serving = plan.groups.some(({ revision }) => revision === world.wanted) ? world.wanted : plan.stable;
    const problem = await this.workloads.make(world.model, { targets, serving, wanted: world.wanted }, signal);
    const judged = { world, scaling, plan, trips, problem, adapters: replicas.adapters() };
    const status = statusOf(judged);
    this.count(status);
    this.reports.tell(judged, status);
    const underWay = world.replicas.length > 0 || scaling.desired > 0 || plan.phase !== 'Steady';
    const wanted = world.demand.held + world.demand.running > 0;
    const busy = underWay || wanted || problem !== undefined;
    return this.tell(world.model, status, busy ? busyMs : calmMs, signal);
  }

  private steer(
    { demand, badNodes }: World,
    scaling: ScalingDecision,
    plan: RolloutPlan,
    trips: readonly Trip[],
  ): void {
    const { replicas } = this.ports;
    replicas.steer({ shares: plan.shares ?? null, badNodes, adapterDemand: demand.adapters });
    replicas.refuse(trips.find((trip) => isHopeless(trip, plan))?.message);
    replicas.sleep(scaling.sleep);
  }

  /** Its engines finish what they have, for as long as one may take; then the cluster takes all that it owned. */
  private async retire(world: World, signal: AbortSignal): Promise<number> {
    const { model, now } = world;
    const end = Date.parse(model.metadata.deletionTimestamp!) + model.spec.drainSeconds * 1_000 + retirementMarginMs;
    const left = world.replicas.some(({ state }) => state !== 'ending');
    if (!left || now >= end) {
      await hold(this.ports.api, model.metadata, false, signal);
      return calmMs;
    }
    this.ports.replicas.refuse('The model is being deleted.');
    const targets = await this.removals.targets(world, [], signal);
    await this.workloads.shrink(targets, signal);
    this.reports.retiring(model);
    return this.tell(model, { ...model.status, phase: 'Deleting' }, busyMs, signal);
  }

  private async tell(
    model: Omit<Model, 'spec'>,
    status: ModelStatus,
    nextMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    const wait = await this.status.write(model, status, signal);
    return Math.min(nextMs, wait ?? nextMs);
  }

  private count({ desiredReplicas = 0, replicas = 0, readyReplicas = 0, sleepingReplicas = 0 }: ModelStatus): void {
    const model = this.scope;
    modelReplicas.set(desiredReplicas, { model, is: 'wanted' });
    modelReplicas.set(replicas, { model, is: 'there' });
    modelReplicas.set(readyReplicas, { model, is: 'ready' });
    modelReplicas.set(sleepingReplicas, { model, is: 'asleep' });
  }
}

/** A replica that is wanted now would not come. One without a node may get one any time. */
function isHopeless({ kind, revision, halfOpen = false }: Trip, { stable }: RolloutPlan): boolean {
  return !halfOpen && kind !== 'Unschedulable' && (revision === undefined || revision === stable);
}
