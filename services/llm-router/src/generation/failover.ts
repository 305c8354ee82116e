import { FlotillaError, type Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { RouterConfig } from '../config.ts';
import type { EndpointPicker } from '../picking/endpoint-picker.ts';
import { failovers } from './metrics.ts';
import type { EngineFailure } from '../providers/provider.ts';
import type { Resolution } from '../registry/registry.ts';
import type { Target } from '../providers/target.ts';

const log = logger('llm-router');

/** The engines tried for one request, until one delivers: bounded, and each at most once (see `stale`). */
export class Attempts {
  readonly #resolution: Resolution;
  readonly #requestId: string;
  readonly #picker: EndpointPicker;
  readonly #clock: Clock;
  readonly #config: RouterConfig;
  readonly #tried: Target[] = [];
  #last: EngineFailure | undefined;
  #again: Target | undefined;

  constructor(resolution: Resolution, requestId: string, picker: EndpointPicker, clock: Clock, config: RouterConfig) {
    this.#resolution = resolution;
    this.#requestId = requestId;
    this.#picker = picker;
    this.#clock = clock;
    this.#config = config;
  }

  /** The next engine to try; it counts as in flight until `left`. Throws why there is none. */
  next(): Target {
    const target = this.#tried.length < this.#config.maxAttempts ? this.#choose() : undefined;
    if (!target) throw this.#last?.error ?? this.#unavailable();
    this.#tried.push(target);
    target.endpoint.inFlight += 1;
    return target;
  }

  /** Engines tried so far. */
  get count(): number {
    return this.#tried.length;
  }

  left(target: Target): void {
    target.endpoint.inFlight -= 1;
  }

  /** Takes note of a failure before the first token. True: another try is worth it. */
  failed(target: Target, failure: EngineFailure): boolean {
    const { endpoint } = target;
    const first = !this.#last;
    // A reset once may be chance; twice in one request it is the engine.
    if (failure.unreachable || (failure.stale && this.#again === target)) {
      endpoint.unreachable(this.#clock.monotonic(), this.#config.ejectBaseMs, this.#config.ejectMaxMs);
    } else if (failure.stale && first) {
      this.#again = target;
    }
    this.#last = failure;
    if (failure.failover) {
      failovers.add(1, { 'error.type': failure.error.code });
      log.warn('an engine did not answer', {
        request_id: this.#requestId,
        endpoint: endpoint.facts.id,
        code: failure.error.code,
        attempt: this.#tried.length,
      });
    }
    return failure.failover;
  }

  #choose(): Target | undefined {
    const other = this.#picker.pick(this.#resolution, this.#tried);
    if (other) return other;
    const again = this.#again;
    return again && this.#tried.indexOf(again) === this.#tried.lastIndexOf(again) ? again : undefined;
  }

  #unavailable(): FlotillaError {
    const routes = [...this.#resolution.routes, ...this.#resolution.fallbacks];
    const full = routes.some((route) => route.targets.some((target) => target.endpoint.facts.ready));
    return full
      ? new FlotillaError('overloaded', 'Every engine of this model has all it can take. Try again in a moment.')
      : new FlotillaError('engine_unavailable');
  }
}
