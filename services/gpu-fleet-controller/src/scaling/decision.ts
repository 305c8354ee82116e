import type { World } from '../models/world.ts';

/** How many replicas a Model is to have, and why. */
export interface ScalingDecision {
  /** Of all versions together, by profile. */
  readonly byProfile: ReadonlyMap<string, number>;
  readonly desired: number;
  /** fixed | schedule | stable | panic | activation | idle | limited | held (a breaker holds it where it is). */
  readonly mode: string;
  /** With the figures: "queue 12 over 2 replicas, target 5 each: 3". */
  readonly reason: string;
  /** Level of sleep the replicas that are left may go to: 0, 1 or 2. */
  readonly sleep: 0 | 1 | 2;
}

/** Remembers what it saw of one Model; made anew, it begins with what is there and takes nothing away before a stable window is over. */
export interface Scaler {
  /** Called about once a second, and at once when demand for nothing comes. */
  decide(world: World): ScalingDecision;
}
