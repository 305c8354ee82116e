import type { GroupName, World } from '../models/world.ts';
import type { ScalingDecision } from '../scaling/decision.ts';

/** What the workloads of a Model are to be. Replicas are taken away only by way of drains. */
export interface RolloutPlan {
  readonly groups: readonly PlannedGroup[];
  /** By version: part of the requests, 0 to 1; undefined: anywhere, as load allows. */
  readonly shares: ReadonlyMap<string, number> | undefined;
  /** The version that counts as the one that serves. */
  readonly stable: string;
  readonly phase: 'Steady' | 'Canary' | 'Rolling' | 'RollingBack';
  /** For status and events. */
  readonly message: string;
  readonly verdict?: string;
  /** Set when this plan gives a version up. */
  readonly failedRevision?: string;
}

export interface PlannedGroup extends GroupName {
  readonly replicas: number;
}

export interface Rollout {
  plan(world: World, scaling: ScalingDecision): RolloutPlan;
}

/** Something that makes more replicas or a new version pointless until somebody or time mends it. */
export interface Trip {
  readonly kind: 'CrashLoop' | 'ImageError' | 'NodeFault' | 'Unschedulable';
  /** The version it is about; absent: all. */
  readonly revision?: string;
  /** It has been so for a while: one replica may be tried. */
  readonly halfOpen?: boolean;
  /** What to look at: the container's last words, the node, the image. */
  readonly message: string;
}

export interface Breaker {
  /** The trips in force now; a version that is tripped gets no more replicas. */
  look(world: World): readonly Trip[];
}
