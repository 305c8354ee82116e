import { objectName, pods, type KubeApi } from '@flotilla/kubernetes';
import { annotationNames, groupKey } from '../models/names.ts';
import type { Group, Replica, World } from '../models/world.ts';
import type { Replicas } from '../replicas/replicas.ts';
import type { PlannedGroup } from '../rollout/rollout-plan.ts';
import { isRefusal } from './applier.ts';
import type { ClusterView } from './cluster-view.ts';
import { excessOf, replicasNow } from './removal.ts';
import type { Target } from './workloads.ts';

/** Below what pods have by themselves, 0. */
const firstToGo = '-1000';

/** What each workload may be set to at this moment: more at once, less only as pods are drained. */
export class Removals {
  constructor(
    private readonly scope: string,
    private readonly ports: {
      readonly api: Pick<KubeApi, 'patch'>;
      readonly view: Pick<ClusterView, 'deletionCost' | 'hasOrdinals'>;
      readonly replicas: Pick<Replicas, 'drained'>;
    },
  ) {}

  async targets(world: World, planned: readonly PlannedGroup[], signal: AbortSignal): Promise<Target[]> {
    const wanted = new Map(planned.map((group) => [groupKey(group), group]));
    const live = new Map(world.groups.map((group) => [groupKey(group), group]));
    const targets: Target[] = [];
    for (const key of new Set([...live.keys(), ...wanted.keys()])) {
      const { profile, revision } = (wanted.get(key) ?? live.get(key))!;
      const count = wanted.get(key)?.replicas ?? 0;
      const group = live.get(key);
      const replicas = group ? await this.shrink(world, group, count, signal) : count;
      targets.push({ profile, revision, replicas, obsolete: !wanted.has(key) });
    }
    return targets;
  }

  private async shrink(world: World, group: Group, wanted: number, signal: AbortSignal): Promise<number> {
    const replicas = world.replicas.filter((replica) => groupKey(replica) === groupKey(group));
    const byOrdinal = this.ports.view.hasOrdinals(this.scope, group);
    const order = byOrdinal ? 'last' : 'emptiest';
    const drained = new Set(this.ports.replicas.drained(group, excessOf({ wanted, replicas }), order));
    const marked = new Set<string>();
    for (const replica of replicas) {
      if (byOrdinal || replica.state === 'ending') continue;
      // Only what the watch shows: the ReplicaSet knows of it no sooner.
      const isMarked = this.ports.view.deletionCost(this.scope, replica.pod) === firstToGo;
      if (isMarked) marked.add(replica.pod);
      if (isMarked !== drained.has(replica.pod)) await this.mark(world, replica, !isMarked, signal);
    }
    return replicasNow({ current: group.replicas, ...{ wanted, replicas, drained, marked, byOrdinal } });
  }

  private async mark(world: World, { pod }: Replica, goes: boolean, signal: AbortSignal): Promise<void> {
    const target = { ...objectName(world.model), name: pod };
    const annotations = { [annotationNames.deletionCost]: goes ? firstToGo : null };
    try {
      await this.ports.api.patch(pods, target, { metadata: { annotations } }, { signal });
    } catch (error) {
      // It is gone already, or the watch will show why not.
      if (!isRefusal(error)) throw error;
    }
  }
}
