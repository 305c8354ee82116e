import { abortable, type FlotillaError } from '@flotilla/kernel';
import type { EngineView } from '../engine-view.ts';
import { cannotLoad, cannotStart } from '../replicas/refusals.ts';

interface Waiter extends PromiseWithResolvers<EngineView> {
  readonly scope: string;
  readonly model: string;
}

/** What was told last of the cluster's engines, by whichever controller leads: what the others answer with. */
export class ToldEngines {
  /** By scope; a scope without engines is none. Bounded by the Models there are. */
  private readonly scopes = new Map<string, readonly EngineView[]>();
  private readonly waiters = new Set<Waiter>();

  update(scope: string, engines: readonly EngineView[]): void {
    if (engines.length === 0) this.scopes.delete(scope);
    else this.scopes.set(scope, engines);
    for (const waiter of this.waiters) {
      if (waiter.scope !== scope) continue;
      const engine = this.find(scope, waiter.model);
      const refusal = this.refusal(scope, waiter.model);
      if (engine) waiter.resolve(engine);
      else if (refusal) waiter.reject(refusal);
    }
  }

  of(scope: string): readonly EngineView[] {
    return this.scopes.get(scope) ?? [];
  }

  /** Resolves with an engine that serves the model, when there is one. Rejects when whoever leads refuses, and with the signal's reason. */
  async ready(scope: string, model: string, signal: AbortSignal): Promise<EngineView> {
    const known = this.find(scope, model);
    if (known) return known;
    const refusal = this.refusal(scope, model);
    if (refusal) throw refusal;
    const waiter: Waiter = { scope, model, ...Promise.withResolvers<EngineView>() };
    this.waiters.add(waiter);
    try {
      return await abortable(waiter.promise, signal);
    } finally {
      this.waiters.delete(waiter);
    }
  }

  private find(scope: string, model: string): EngineView | undefined {
    return this.of(scope).find(({ state, models }) => state === 'ready' && models.some(({ name }) => name === model));
  }

  private refusal(scope: string, model: string): FlotillaError | undefined {
    const refused = this.of(scope).find((engine) => engine.refused && engine.activatable.includes(model));
    if (!refused) return undefined;
    return refused.id === scope ? cannotStart(scope, refused.reason) : cannotLoad(scope, model, refused.reason);
  }
}
