import type { Target } from '../providers/target.ts';
import type { Route } from './resolution.ts';

/** A route whose engines run several versions of a model becomes one for each, weighted by the version's share of the requests. */
export function byVersion(route: Route): Route[] {
  const shares = new Map<string, { share: number; targets: Target[] }>();
  for (const target of route.targets) {
    const { group } = target.endpoint.facts;
    const { name, share } = group ?? { name: '', share: 1 };
    const version = shares.get(name) ?? { share, targets: [] };
    version.targets.push(target);
    shares.set(name, version);
  }
  if (shares.size < 2) return [route];
  return [...shares.values()].map(({ share, targets }) => ({ ...route, weight: route.weight * share, targets }));
}
