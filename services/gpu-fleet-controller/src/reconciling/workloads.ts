import { canonicalJson, type Clock } from '@flotilla/kernel';
import { type KubeApi, type KubeObject, type Workload } from '@flotilla/kubernetes';
import type { Model } from '../models/model.ts';
import { groupKey, groupOfPart, labelNames } from '../models/names.ts';
import type { CurrentShape } from '../models/current-shape.ts';
import type { EngineDefaults, Shape } from '../models/shape.ts';
import { valuesOf } from '../models/values.ts';
import type { GroupName } from '../models/world.ts';
import { Applier, isRefusal } from './applier.ts';
import type { Chart } from './chart.ts';
import type { ClusterView } from './cluster-view.ts';
import { isWorkload, partKey } from './parts.ts';
import { originIn, prepared, withReplicas } from './prepared.ts';
import { RenderFailed, type Renderer } from './renderer.ts';
import { renderingIn } from './rendering.ts';

/** Why not all is as it is to be. */
export interface Problem {
  readonly reason: 'RenderFailed' | 'ApplyRefused' | 'NoLeaderWorkerSet' | 'VersionLost';
  readonly message: string;
}

/** A group and the replicas its workload is to have at this moment. */
export interface Target extends GroupName {
  readonly replicas: number;
  /** Not wanted any more: it goes when it is empty. */
  readonly obsolete: boolean;
}

export interface WorkloadPorts {
  readonly api: Pick<KubeApi, 'apply' | 'patch' | 'delete'>;
  readonly view: ClusterView;
  readonly renderer: Renderer;
  readonly chart: Chart;
  readonly defaults: EngineDefaults;
  readonly clock: Clock;
}

interface From {
  readonly metadata: Model['metadata'];
  readonly shape: Shape;
  readonly revision: string;
}

interface Made {
  readonly by: string;
  /** The same, as objects: mostly they are those of the last time. */
  from: From;
  readonly objects: readonly KubeObject[];
  /** The workload with the replicas it was last to have. */
  counted?: { readonly replicas: number; readonly object: KubeObject };
}

/** The workloads of one Model and what they share. A version's pods are made from what its first workload was made from. */
export class Workloads {
  private readonly applier: Applier;
  /** By group; what was rendered for it as long as nothing changes that it is made from. */
  private readonly made = new Map<string, Made>();

  constructor(
    private readonly scope: string,
    private readonly current: CurrentShape,
    private readonly ports: WorkloadPorts,
  ) {
    const { api, view, clock } = ports;
    this.applier = new Applier(api, (object) => view.part(scope, object), clock);
  }

  /** Goes as near to it as it can. Returns the first thing in its way; throws when the API is away. `serving`: the version whose shared objects there are to be. */
  async make(
    model: Model,
    { targets, serving, wanted }: { targets: readonly Target[]; serving: string; wanted: string },
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    const problems: Problem[] = [];
    const attempt = async <R>(run: () => Promise<R>): Promise<R | undefined> => {
      try {
        return await run();
      } catch (error) {
        problems.push(problemOf(error));
        return undefined;
      }
    };
    const shared = await attempt(() => this.makeShared(model, serving, wanted, signal));
    for (const target of targets) await attempt(() => this.makeGroup(model, target, wanted, signal));
    if (problems.length === 0 && shared) await attempt(() => this.prune(shared, targets, wanted, signal));
    return problems[0];
  }

  /** Only takes replicas away: nothing is made any more. */
  async shrink(targets: readonly Target[], signal: AbortSignal): Promise<void> {
    for (const target of targets) {
      const live = this.workload(target);
      if (live) await this.applier.scale(live, target.replicas, signal);
    }
  }

  private async makeShared(
    model: Model,
    serving: string,
    wanted: string,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const shape = serving === wanted ? this.current.of(model).shape : this.shapeOfVersion(serving);
    if (!shape) throw versionLost(serving);
    const group = { revision: serving, profile: shape.profiles[0]!.name };
    const { objects } = await this.render(model, 'shared', shape, group, signal);
    const shared = objects.filter((object) => !isWorkload(object));
    for (const object of shared) await this.applier.apply(object, signal);
    return new Set(shared.map(partKey));
  }

  private async makeGroup(model: Model, target: Target, wanted: string, signal: AbortSignal): Promise<void> {
    const { replicas } = target;
    const live = this.workload(target);
    if (!live && replicas === 0) return;
    const origin = live && originIn(live);
    if (live && (target.obsolete || origin?.chart !== this.ports.chart.version)) {
      return this.applier.scale(live, replicas, signal);
    }
    const fresh = target.revision === wanted ? this.current.of(model).shape : undefined;
    const shape = origin?.shape ?? this.shapeOfVersion(target.revision) ?? fresh;
    if (!shape) throw versionLost(target.revision);
    const hosts = shape.profiles.find(({ name }) => name === target.profile)?.hosts ?? 1;
    if (hosts > 1 && !this.ports.view.followsGroupsOfPods()) throw new NoGroupsOfPods(target.profile);
    const made = await this.render(model, groupKey(target), shape, target, signal);
    if (made.counted?.replicas !== replicas) made.counted = { replicas, object: workloadOf(made.objects, replicas) };
    await this.applier.apply(made.counted.object, signal);
  }

  private async render(model: Model, key: string, shape: Shape, group: GroupName, signal: AbortSignal): Promise<Made> {
    const { renderer, chart, defaults, view } = this.ports;
    const { name, namespace = 'default', uid = '', generation } = model.metadata;
    const from = { metadata: model.metadata, shape, revision: group.revision };
    const known = this.made.get(key);
    if (known && isSame(known.from, from)) return known;
    const by = canonicalJson([uid, generation, shape, group]);
    if (known?.by === by) {
      known.from = from;
      return known;
    }
    const values = valuesOf(name, shape, group, defaults);
    if (!values) throw new RenderFailed(`Version ${group.revision} has no profile "${group.profile}".`);
    const earlier = () => view.workloadsOf(this.scope).flatMap((workload) => renderingIn(workload) ?? []);
    const rendering = await renderer.render(name, namespace, values, signal, earlier);
    const origin = { group, shape, chart: chart.version, rendering };
    const made: Made = { by, from, objects: rendering.objects.map((object) => prepared(object, model, origin)) };
    this.made.set(key, made);
    return made;
  }

  /** What was left behind: workloads of versions that are gone, and, once only the wanted one is left, what they shared. */
  private async prune(
    shared: ReadonlySet<string>,
    targets: readonly Target[],
    wanted: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { view } = this.ports;
    const parts = view.partsOf(this.scope);
    const pods = view.podsOf(this.scope);
    const obsolete = new Set(targets.filter((target) => target.obsolete).map(groupKey));
    for (const part of parts) {
      const group = groupOfPart(part);
      if (!isWorkload(part) || !group || !obsolete.has(groupKey(group))) continue;
      const empty = !pods.some((pod) => groupKey(pod) === groupKey(group));
      if (empty && (part as Workload).spec.replicas === 0) await this.applier.remove(part, signal);
    }
    const alone = parts.every((part) => !isWorkload(part) || part.metadata.labels?.[labelNames.revision] === wanted);
    const left = parts.filter((part) => alone && !isWorkload(part) && !shared.has(partKey(part)));
    for (const part of left) await this.applier.remove(part, signal);
    this.applier.keepOnly(new Set([...parts.map(partKey), ...shared]));
    const keys = new Set(targets.map(groupKey));
    for (const key of this.made.keys()) if (!keys.has(key) && key !== 'shared') this.made.delete(key);
  }

  private workload(group: GroupName): Workload | undefined {
    return this.ports.view.workload(this.scope, group);
  }

  private shapeOfVersion(revision: string): Shape | undefined {
    const workloads = this.ports.view.workloadsOf(this.scope);
    const same = workloads.filter(({ metadata }) => metadata.labels?.[labelNames.revision] === revision);
    return same.map((workload) => originIn(workload)?.shape).find((shape) => shape !== undefined);
  }
}

function isSame(one: From, other: From): boolean {
  return one.metadata === other.metadata && one.shape === other.shape && one.revision === other.revision;
}

function workloadOf(objects: readonly KubeObject[], replicas: number): KubeObject {
  const workload = objects.find(isWorkload);
  if (!workload) throw new RenderFailed('The chart renders no Deployment and no LeaderWorkerSet.');
  return withReplicas(workload, replicas);
}

class NoGroupsOfPods extends Error {
  constructor(profile: string) {
    super(
      `Profile "${profile}" has replicas of several hosts, and this cluster has no LeaderWorkerSet: install it (lws.sigs.k8s.io), or choose a profile with one host.`,
    );
  }
}

class VersionLost extends Error {}

function versionLost(revision: string): VersionLost {
  return new VersionLost(
    `Nothing is left of version ${revision} to make it from: its workloads were removed. Change the spec to what is to serve.`,
  );
}

function problemOf(error: unknown): Problem {
  if (error instanceof RenderFailed) return { reason: 'RenderFailed', message: error.message };
  if (error instanceof NoGroupsOfPods) return { reason: 'NoLeaderWorkerSet', message: error.message };
  if (error instanceof VersionLost) return { reason: 'VersionLost', message: error.message };
  if (isRefusal(error)) return { reason: 'ApplyRefused', message: error.message };
  throw error;
}
