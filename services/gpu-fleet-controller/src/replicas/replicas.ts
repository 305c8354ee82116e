import type { EngineView } from '../engine-view.ts';
import type { Replica } from '../models/world.ts';

/** The engines in the pods of one Model. Each is probed; what it says is what a decision is made from. */
export interface Replicas {
  /** As they are now. */
  list(): readonly Replica[];
  /** As routers are told; a Model without a replica is one engine that can be activated. */
  engines(): readonly EngineView[];
  /** Requests for it wait. Resolves when one is ready; throws why none will be. */
  activate(signal: AbortSignal): Promise<EngineView>;
  /**
   * Takes `count` replicas of a group out of use, the emptiest first, and resolves with those that nothing runs on any more, or
   * whose time to drain is over. Called again and again with what is still too many; 0 takes those back that still run.
   */
  drained(group: { revision: string; profile: string }, count: number): readonly string[];
  /** Level of sleep that its idle replicas are to be in; 0 wakes them. */
  sleep(level: 0 | 1 | 2): void;
}
