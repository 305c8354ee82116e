import type { Clock, Random } from '@flotilla/kernel';
import {
  deployments,
  follow,
  leaderWorkerSets,
  nodes,
  pods,
  type Followed,
  type KubeApi,
  type KubeObject,
  type Pod,
  type Resource,
  type Workload,
} from '@flotilla/kubernetes';
import { models } from '../models/model.ts';
import { annotationNames, groupKey, groupOfPart, labelNames, managedSelector, scopeOfPart } from '../models/names.ts';
import { parseModel, type ParsedModel } from '../models/parsed-model.ts';
import type { BadNode, Group, GroupName } from '../models/world.ts';
import type { PodFacts } from '../replicas/pod-facts.ts';
import { nodeReader, type NodeFacts, type NodeFaultSigns } from './node-health.ts';
import { isWorkload, partKey, sharedKinds } from './parts.ts';
import { podFactsOf } from './pod-facts-of.ts';

export interface ClusterViewOptions {
  /** Empty string: all namespaces. */
  readonly namespaces: readonly string[];
  /** What makes a node bad. Absent: nodes are not watched. */
  readonly faults?: NodeFaultSigns;
}

/** A pod, and what a ReplicaSet is told it costs to take it away. */
interface SeenPod {
  readonly facts: PodFacts;
  readonly deletionCost: string | undefined;
}

/** Parts of Models, by scope and then by name. */
type Index<K> = Map<string, Map<string, K>>;

/** What there is of Models in the cluster, as the watches show it. It only looks. */
export class ClusterView {
  private readonly followed: Followed<unknown>[] = [];
  private readonly models = new Map<string, ParsedModel>();
  private readonly pods: Index<SeenPod> = new Map();
  private readonly scopeOfPod = new Map<string, string>();
  private readonly parts: Index<KubeObject> = new Map();
  private readonly nodes = new Map<string, NodeFacts>();
  /** Started when a Model first has replicas of several hosts: the kind need not be there. */
  private groupsOfPods: Promise<unknown> | undefined;
  private groupsKnown = false;
  private bad: readonly BadNode[] = [];

  constructor(
    private readonly api: Pick<KubeApi, 'list' | 'watch'>,
    private readonly options: ClusterViewOptions,
    private readonly ports: { clock: Clock; random: Random },
    /** Something of this Model changed; undefined: of the nodes. */
    private readonly changed: (scope: string | undefined) => void,
  ) {}

  /** Resolves when all is known once. Rejects when it is stopped before. */
  async start(): Promise<void> {
    const { faults } = this.options;
    if (faults) {
      this.take(follow(this.api, nodes, {}, { keep: nodeReader(faults) }, this.ports), (name, now) =>
        this.nodeChanged(name, now),
      );
    }
    for (const namespace of this.options.namespaces) this.startIn(namespace);
    await Promise.all(this.followed.map(({ synced }) => synced));
  }

  async stop(): Promise<void> {
    await Promise.all(this.followed.map((one) => one.stop()));
  }

  model(scope: string): ParsedModel | undefined {
    return this.models.get(scope);
  }

  scopes(): IterableIterator<string> {
    return this.models.keys();
  }

  podsOf(scope: string): PodFacts[] {
    const found = [...(this.pods.get(scope)?.values() ?? [])];
    return found.map(({ facts }) => ({ ...facts, zone: this.nodes.get(facts.node)?.zone ?? '' }));
  }

  /** Whose engine is in this pod, and of which version. */
  originOf(namespace: string, pod: string): { scope: string; revision: string } | undefined {
    const scope = this.scopeOfPod.get(`${namespace}/${pod}`);
    const revision = scope === undefined ? undefined : this.pods.get(scope)?.get(pod)?.facts.revision;
    return scope === undefined || revision === undefined ? undefined : { scope, revision };
  }

  deletionCost(scope: string, pod: string): string | undefined {
    return this.pods.get(scope)?.get(pod)?.deletionCost;
  }

  /** What the fleet applied for the Model, without status. */
  partsOf(scope: string): KubeObject[] {
    return [...(this.parts.get(scope)?.values() ?? [])];
  }

  part(scope: string, object: KubeObject): KubeObject | undefined {
    return this.parts.get(scope)?.get(partKey(object));
  }

  workloadsOf(scope: string): Workload[] {
    return this.partsOf(scope).filter((part): part is Workload => isWorkload(part));
  }

  workload(scope: string, group: GroupName): Workload | undefined {
    return this.workloadsOf(scope).find((workload) => {
      const own = groupOfPart(workload);
      return own !== undefined && groupKey(own) === groupKey(group);
    });
  }

  groupsOf(scope: string): Group[] {
    return this.workloadsOf(scope).flatMap((workload) => {
      const group = groupOfPart(workload);
      const { name, creationTimestamp } = workload.metadata;
      const createdAt = Date.parse(creationTimestamp ?? '') || 0;
      return group ? [{ ...group, name, replicas: workload.spec.replicas ?? 1, createdAt }] : [];
    });
  }

  /** Whether the last of its replicas goes first, as with groups of pods, whatever is said of them. */
  hasOrdinals(scope: string, group: GroupName): boolean {
    return this.workload(scope, group)?.kind === leaderWorkerSets.kind;
  }

  badNodes(): readonly BadNode[] {
    return this.bad;
  }

  /** Whether the workloads of replicas of several hosts are known. The first call begins to look. */
  followsGroupsOfPods(): boolean {
    this.groupsOfPods ??= this.startGroups();
    return this.groupsKnown;
  }

  private startIn(namespace: string): void {
    const selection = namespace === '' ? {} : { namespace };
    this.take(follow(this.api, models, selection, { keep: parseModel }, this.ports), (scope, now) => {
      put(this.models, scope, now);
      this.changed(scope);
    });
    const labelled = { ...selection, labelSelector: labelNames.model };
    const keep = (pod: Pod) => ({
      scope: scopeOfPart(pod)!,
      facts: podFactsOf(pod),
      deletionCost: pod.metadata.annotations?.[annotationNames.deletionCost],
    });
    this.take(follow(this.api, pods, labelled, { keep }, this.ports), (key, now, before) => {
      const { scope, facts, deletionCost } = (now ?? before)!;
      if (!facts) return;
      put(this.scopeOfPod, key, now && scope);
      putIn(this.pods, scope, facts.name, now && { facts, deletionCost });
      this.changed(scope);
    });
    for (const resource of [deployments, ...sharedKinds]) this.followParts(resource, namespace);
  }

  private async startGroups(): Promise<void> {
    const started = this.options.namespaces.map((namespace) => this.followParts(leaderWorkerSets, namespace).synced);
    await Promise.all(started).catch(() => undefined);
    this.groupsKnown = true;
    for (const scope of this.models.keys()) this.changed(scope);
  }

  private followParts(resource: Resource, namespace: string): Followed<KubeObject> {
    const selection = { ...(namespace !== '' && { namespace }), labelSelector: managedSelector };
    const { apiVersion, kind } = resource;
    const keep = ({ status: _status, ...object }: KubeObject & { status?: unknown }) => ({
      ...object,
      apiVersion,
      kind,
    });
    const followed = follow<KubeObject, KubeObject>(this.api, resource, selection, { keep }, this.ports);
    this.take(followed, (_key, now, before) => {
      const part = (now ?? before)!;
      const scope = scopeOfPart(part)!;
      putIn(this.parts, scope, partKey(part), now);
      this.changed(scope);
    });
    return followed;
  }

  private take<K>(followed: Followed<K>, listener: Parameters<Followed<K>['onChange']>[0]): void {
    followed.onChange(listener);
    this.followed.push(followed);
  }

  private nodeChanged(name: string, now: NodeFacts | undefined): void {
    const before = this.nodes.get(name);
    put(this.nodes, name, now);
    if (before?.fault === now?.fault && before?.zone === now?.zone) return;
    this.bad = [...this.nodes.values()].flatMap((node) =>
      node.fault === undefined ? [] : [{ node: node.name, reason: node.fault }],
    );
    this.changed(undefined);
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function putIn<K>(index: Index<K>, scope: string, key: string, value: K | undefined): void {
  let inner = index.get(scope);
  if (!inner) index.set(scope, (inner = new Map()));
  put(inner, key, value);
  if (inner.size === 0) index.delete(scope);
}
