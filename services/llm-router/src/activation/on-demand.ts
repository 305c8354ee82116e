import type { Target } from '../providers/target.ts';
import type { Resolution, Route } from '../registry/resolution.ts';

/** What of a resolution runs only while it is used; undefined: nothing. */
const known = new WeakMap<Resolution, readonly Target[]>();

const targetsOf = (routes: readonly Route[]) => routes.flatMap((route) => route.targets);

/** The targets that are started on demand, found once for each resolution: the registry makes a new one when engines change. */
export function onDemandTargets(resolution: Resolution): readonly Target[] {
  let targets = known.get(resolution);
  if (!targets) {
    targets = targetsOf(resolution.routes).filter(({ endpoint }) => endpoint.facts.onDemand);
    known.set(resolution, targets);
  }
  return targets;
}
