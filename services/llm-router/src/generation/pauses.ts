import type { Clock } from '@flotilla/kernel';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Target } from '../providers/target.ts';

/** Which models of which engines are not to be asked for a while because the engine said so (`retry-after`). One entry for each that said it. */
export class Pauses {
  readonly #clock: Clock;
  readonly #maxMs: number;
  readonly #until = new WeakMap<Endpoint, Map<string, number>>();

  constructor(clock: Clock, maxMs: number) {
    this.#clock = clock;
    this.#maxMs = maxMs;
  }

  pause({ endpoint, model }: Target, ms: number): void {
    const models = this.#until.get(endpoint) ?? new Map<string, number>();
    models.set(model, this.#clock.monotonic() + Math.min(ms, this.#maxMs));
    this.#until.set(endpoint, models);
  }

  /** Milliseconds until the target may be asked again; 0: now. */
  left({ endpoint, model }: Target): number {
    const models = this.#until.get(endpoint);
    const until = models?.get(model);
    if (until === undefined) return 0;
    const left = until - this.#clock.monotonic();
    if (left > 0) return left;
    models!.delete(model);
    return 0;
  }
}
