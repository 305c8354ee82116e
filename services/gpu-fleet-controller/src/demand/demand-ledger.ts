import type { events } from '@flotilla/contracts';
import { fleetProvider, type Clock } from '@flotilla/kernel';
import { ScopeDemand, type ModelWish } from './scope-demand.ts';

/** What a router said counts for so long; it says so every second. Milliseconds. */
const freshMs = 5_000;
/** Routers whose word is kept at most; the one that was heard of longest ago goes first. */
const maxRouters = 1_000;
/** What controllers call themselves among routers: they tell that something waits, not how much. */
const controllerPrefix = 'controller:';

export const controllerId = (identity: string): string => `${controllerPrefix}${identity}`;

interface Heard {
  readonly at: number;
  readonly models: ReadonlyMap<string, ModelWish>;
}

/** Where an engine is. */
export interface EngineOrigin {
  readonly scope: string;
  readonly revision: string;
}

/** What the routers want of the cluster's models now, from what each said last. */
export class DemandLedger {
  private readonly routers = new Map<string, Heard>();
  private readonly scopes = new Map<string, ScopeDemand>();

  constructor(
    private readonly clock: Clock,
    private readonly originOf: (engineId: string) => EngineOrigin | undefined,
  ) {}

  /** From now on it is known how much this Model is wanted. `changed`: something waits for it. */
  open(scope: string, names: readonly string[], changed: () => void): ScopeDemand {
    const { clock } = this;
    const wishes = (name: string) => this.wishes(name);
    const demand = new ScopeDemand(names, clock.now(), wishes, () => clock.now(), changed);
    this.scopes.set(scope, demand);
    return demand;
  }

  close(scope: string): void {
    this.scopes.delete(scope);
  }

  hear({ routerId, models }: events.RouterDemand): void {
    const at = this.clock.monotonic();
    const before = this.routers.get(routerId);
    const seconds = before ? Math.min(freshMs, Math.max(1_000, at - before.at)) / 1_000 : 1;
    const wishes = new Map<string, ModelWish>();
    for (const { provider, model, held, running, arrived, engines } of models) {
      if (provider !== fleetProvider) continue;
      const asked = routerId.startsWith(controllerPrefix);
      wishes.set(model, { held: asked ? 0 : held, running, arriving: arrived / seconds, waits: asked && held > 0 });
      for (const outcomes of engines) this.count(outcomes);
    }
    this.routers.delete(routerId);
    if (wishes.size > 0) this.routers.set(routerId, { at, models: wishes });
    if (this.routers.size > maxRouters) this.routers.delete(this.routers.keys().next().value!);
    for (const scope of this.scopes.values()) {
      for (const name of scope.names) {
        const wish = wishes.get(name);
        if (wish) scope.heard(wish);
      }
    }
  }

  private count(outcomes: events.EngineOutcomes): void {
    const origin = this.originOf(outcomes.engineId);
    if (origin) this.scopes.get(origin.scope)?.count(origin.revision, outcomes);
  }

  private *wishes(name: string): Iterable<ModelWish> {
    const oldest = this.clock.monotonic() - freshMs;
    for (const [router, { at, models }] of this.routers) {
      if (at < oldest) this.routers.delete(router);
      else if (models.has(name)) yield models.get(name)!;
    }
  }
}
