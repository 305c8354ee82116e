import type { router } from '@flotilla/contracts';
import type { Clock, Random } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { Resolution, Route } from '../registry/registry.ts';
import type { Target } from '../providers/target.ts';
import type { Outcome } from './outcome.ts';

/** How much busier a near engine may be than a far one: the bound of consistent hashing with bounded loads. */
const loadBound = 1.25;
/** As many more are no load. */
const fewRequests = 2;

export type PickerConfig = Pick<RouterConfig, 'maxInFlightPerEndpoint' | 'ejectBaseMs' | 'ejectMaxMs'>;

/**
 * Picks the engine of a request. Among the routes of a model two are drawn by weight and the less loaded one wins, so
 * that weights are shares while engines keep up and load moves when they do not. Within a route: least in flight, of
 * all when there are two, of two drawn at random when there are more (power of two choices, Mitzenmacher 2001).
 * Where some stand in the router's own zone and some do not, both are picked from so, and the near one is taken unless it
 * is much busier: a hop to another zone costs less than a queue, and more than nothing.
 */
export class EndpointPicker {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #config: PickerConfig;
  #picks = 0;

  constructor(clock: Clock, random: Random, config: PickerConfig) {
    this.#clock = clock;
    this.#random = random;
    this.#config = config;
  }

  /** A request is sent to the target's engine; it counts as in flight until `ended`. */
  began(target: Target, _request?: router.GenerateRequest): void {
    target.endpoint.inFlight += 1;
  }

  /** The first token came, so many milliseconds after the request was sent to this engine. */
  firstToken(_target: Target, _ttftMs: number): void {}

  /** Called once for each `began`. */
  ended(target: Target, outcome: Outcome): void {
    const { endpoint } = target;
    endpoint.inFlight -= 1;
    if (outcome === 'answered') endpoint.answered();
    if (outcome !== 'unreachable') return;
    endpoint.unreachable(this.#clock.monotonic(), this.#config.ejectBaseMs, this.#config.ejectMaxMs);
  }

  /**
   * A target that was not tried, or undefined. Engines that were set aside are used only when neither a route nor a
   * fallback has any other: never are all of them out.
   */
  pick(resolution: Resolution, tried: readonly Target[], _request?: router.GenerateRequest): Target | undefined {
    const target = this.#pass(resolution, tried, false) ?? this.#pass(resolution, tried, true);
    if (target) target.endpoint.lastPick = ++this.#picks;
    return target;
  }

  #pass(resolution: Resolution, tried: readonly Target[], withEjected: boolean): Target | undefined {
    const target = this.#among(resolution.routes, tried, withEjected);
    if (target) return target;
    for (const fallback of resolution.fallbacks) {
      const other = this.#within(fallback, tried, withEjected);
      if (other) return other;
    }
    return undefined;
  }

  #among(routes: readonly Route[], tried: readonly Target[], withEjected: boolean): Target | undefined {
    if (routes.length === 1) return this.#within(routes[0]!, tried, withEjected);
    const usable: { weight: number; target: Target }[] = [];
    for (const route of routes) {
      const target = this.#within(route, tried, withEjected);
      if (target) usable.push({ weight: route.weight, target });
    }
    return apart(
      usable,
      ({ target: { endpoint } }) => endpoint.near,
      (entries) => this.#drawn(entries),
    );
  }

  #drawn(usable: readonly { weight: number; target: Target }[]): Target | undefined {
    if (usable.length < 2) return usable[0]?.target;
    const first = this.#draw(usable);
    const second = this.#draw(usable);
    const moved = second.target.endpoint.inFlight / second.weight < first.target.endpoint.inFlight / first.weight;
    return moved ? second.target : first.target;
  }

  #draw<T extends { weight: number }>(entries: readonly T[]): T {
    let at = this.#random.next() * entries.reduce((sum, entry) => sum + entry.weight, 0);
    for (const entry of entries) if ((at -= entry.weight) < 0) return entry;
    return entries.at(-1)!;
  }

  #within(route: Route, tried: readonly Target[], withEjected: boolean): Target | undefined {
    const { targets } = route;
    if (targets.length === 1) return this.#usable(targets[0]!, tried, withEjected) ? targets[0] : undefined;
    const usable = targets.filter((target) => this.#usable(target, tried, withEjected));
    return apart(
      usable,
      ({ endpoint }) => endpoint.near,
      (entries) => this.#lightest(entries),
    );
  }

  #lightest(usable: readonly Target[]): Target | undefined {
    if (usable.length <= 2) return lighter(usable[0], usable[1]);
    const first = Math.floor(this.#random.next() * usable.length);
    const step = 1 + Math.floor(this.#random.next() * (usable.length - 1));
    return lighter(usable[first], usable[(first + step) % usable.length]);
  }

  #usable({ endpoint, model }: Target, tried: readonly Target[], withEjected: boolean): boolean {
    return (
      endpoint.facts.ready &&
      endpoint.inFlight < this.#config.maxInFlightPerEndpoint &&
      (withEjected || !endpoint.ejected(this.#clock.monotonic())) &&
      !tried.some((target) => target.endpoint === endpoint && target.model === model)
    );
  }
}

/** Picks from near and far ones apart when there are both, and then between the two. */
function apart<T>(
  all: readonly T[],
  isNear: (one: T) => boolean,
  pick: (some: readonly T[]) => Target | undefined,
): Target | undefined {
  if (all.every((one) => isNear(one) === isNear(all[0]!))) return pick(all);
  const near = pick(all.filter(isNear))!;
  const far = pick(all.filter((one) => !isNear(one)))!;
  const [here, there] = [near.endpoint, far.endpoint];
  const busier = here.inFlight > there.inFlight * loadBound + fewRequests || here.facts.waiting > there.facts.waiting;
  return busier ? far : near;
}

function lighter(a: Target | undefined, b: Target | undefined): Target | undefined {
  if (!a || !b) return a ?? b;
  const x = a.endpoint;
  const y = b.endpoint;
  const order = x.inFlight - y.inFlight || x.facts.waiting - y.facts.waiting || x.lastPick - y.lastPick;
  return order <= 0 ? a : b;
}
