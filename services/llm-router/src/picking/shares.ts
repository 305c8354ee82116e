import type { Target } from '../providers/target.ts';
import type { Route } from '../registry/registry.ts';

/**
 * Two routes are drawn by weight and the one less loaded for its weight wins: weights are shares while engines keep up, and
 * load moves when they do not (power of two choices, Mitzenmacher 2001). `uniform` may depend on the prompt: then the same
 * prompt goes to the same route.
 */
export function drawn(
  routes: readonly Route[],
  within: (route: Route) => Target | undefined,
  uniform: () => number,
  now: number,
): Target | undefined {
  const first = draw(routes, within, uniform());
  if (!first) return undefined;
  const second = draw(routes, within, uniform()) ?? first;
  const load = ({ target, weight }: Drawn) => target.endpoint.busy(now) / weight;
  return load(second) < load(first) ? second.target : first.target;
}

interface Drawn {
  /** The route's, divided among its engines that answer. */
  readonly weight: number;
  readonly target: Target;
}

/** By weight among the routes that have a target: those without are left out and it is drawn again. */
function draw(routes: readonly Route[], within: (route: Route) => Target | undefined, uniform: number) {
  let left: readonly Route[] = routes;
  while (left.length > 0) {
    const route = at(left, uniform);
    const target = within(route);
    if (target) return { weight: route.weight / engines(route), target };
    left = left.filter((one) => one !== route);
  }
  return undefined;
}

function engines({ targets }: Route): number {
  let ready = 0;
  for (const { endpoint } of targets) if (endpoint.facts.ready) ready += 1;
  return Math.max(1, ready);
}

function at(routes: readonly Route[], uniform: number): Route {
  let point = uniform * routes.reduce((sum, { weight }) => sum + weight, 0);
  for (const route of routes) if ((point -= route.weight) < 0) return route;
  return routes.at(-1)!;
}
