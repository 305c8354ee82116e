import { FlotillaError } from '@flotilla/kernel';
import type { EngineView } from '../engine-view.ts';

interface Waiter {
  readonly scope: string;
  readonly model: string;
  resolve(engine: EngineView): void;
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
      const engine = waiter.scope === scope ? this.find(scope, waiter.model) : undefined;
      if (engine) waiter.resolve(engine);
    }
  }

  of(scope: string): readonly EngineView[] {
    return this.scopes.get(scope) ?? [];
  }

  /** Resolves with an engine that serves the model, when there is one. Rejects with the signal's reason. */
  ready(scope: string, model: string, signal: AbortSignal): Promise<EngineView> {
    const known = this.find(scope, model);
    if (known) return Promise.resolve(known);
    if (signal.aborted) return Promise.reject(late(scope, signal));
    return new Promise((resolve, reject) => {
      const end = () => {
        this.waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        end();
        reject(late(scope, signal));
      };
      const waiter: Waiter = {
        ...{ scope, model },
        resolve(engine) {
          end();
          resolve(engine);
        },
      };
      this.waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  private find(scope: string, model: string): EngineView | undefined {
    return this.of(scope).find(({ state, models }) => state === 'ready' && models.some(({ name }) => name === model));
  }
}

function late(scope: string, { reason }: AbortSignal): unknown {
  if (!(reason instanceof DOMException) || reason.name !== 'TimeoutError') return reason;
  return new FlotillaError('err_model_start_timeout', `No replica of ${scope} became ready in time.`, {
    cause: reason,
  });
}
