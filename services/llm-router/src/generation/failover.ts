import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Engines } from './engines.ts';
import { failovers, refusedRetries } from './metrics.ts';
import type { Outcome } from '../picking/outcome.ts';
import { EngineFailure } from '../providers/provider.ts';
import type { Resolution, Route } from '../registry/registry.ts';
import type { Target } from '../providers/target.ts';

const log = logger('llm-router');

/** Statuses by which an engine says something of the request or of its own room, not that it is broken. */
const wellSaid: readonly unknown[] = [404, 429];

const none: readonly Route[] = [];

/** The engines tried for one request, until one delivers: bounded, and each at most once (see `stale`). */
export class Attempts {
  readonly #engines: Engines;
  #resolution: Resolution;
  readonly #request: router.GenerateRequest | undefined;
  readonly #requestId: string;
  readonly #tried: Target[] = [];
  #last: EngineFailure | undefined;
  #again: Target | undefined;

  constructor(engines: Engines, resolution: Resolution, requestId: string, request?: router.GenerateRequest) {
    this.#engines = engines;
    this.#resolution = resolution;
    this.#request = request;
    this.#requestId = requestId;
    engines.retries.request();
    if (request) engines.hedges.request();
  }

  /** The next engine to try; it counts as in flight until it failed or `ended`. Throws why there is none. */
  next(): Target {
    const room = this.#tried.length < this.#engines.config.maxAttempts;
    const target = room ? this.#choose() : undefined;
    if (!target) throw this.#last?.error ?? this.#unavailable();
    if (this.#last && !this.#engines.retries.take(this.#engines.underWay)) {
      refusedRetries.add(1);
      throw this.#last.error;
    }
    return this.#began(target);
  }

  /** A second engine while the first one is silent, if there is one that `may` be asked. */
  hedge(may: (target: Target) => boolean): Target | undefined {
    const { config, hedges } = this.#engines;
    if (this.#tried.length >= config.maxAttempts) return undefined;
    const target = this.#pick(this.#others(may));
    return target && hedges.take() ? this.#began(target) : undefined;
  }

  /** An engine that `may` go on with an answer whose engine failed. */
  successor(may: (target: Target, route: Route) => boolean): Target | undefined {
    const target = this.#pick(this.#others(may));
    if (!target) return undefined;
    if (this.#engines.retries.take(this.#engines.underWay)) return this.#began(target);
    refusedRetries.add(1);
    return undefined;
  }

  /** Milliseconds to wait before this engine is asked: none, unless it is asked again. */
  pauseBefore(target: Target): number {
    if (this.#tried.indexOf(target) === this.#tried.lastIndexOf(target)) return 0;
    return this.#engines.random.next() * this.#engines.config.retryBackoffMs;
  }

  /** Engines tried so far. */
  get count(): number {
    return this.#tried.length;
  }

  /** Which route of the model leads to it. */
  routeOf(target: Target): Route | undefined {
    const { routes, fallbacks } = this.#resolution;
    return [...routes, ...fallbacks].find((route) => route.targets.includes(target));
  }

  /** Takes note of how a try ended that did not fail before its first token. Once for each target. */
  ended(target: Target, outcome: Outcome): void {
    this.#engines.picker.ended(target, outcome, this.#request);
  }

  /** Takes note of a failure, before the first token or after it (`begun`). True: another try is worth it. */
  failed(target: Target, failure: EngineFailure, begun = false): boolean {
    const first = !this.#last;
    this.#last = failure;
    this.ended(target, this.#outcome(target, failure));
    if (failure.stale && first) this.#again = target;
    const { code, details } = failure.error;
    if (code === 'overloaded' && details.retryAfterMs !== undefined) {
      this.#engines.pauses.pause(target, details.retryAfterMs);
    }
    const goesOn = !begun && (failure.failover || this.#widens(failure));
    if (goesOn) {
      failovers.add(1, { 'error.type': code });
      log.warn('an engine did not answer', {
        request_id: this.#requestId,
        endpoint: target.endpoint.facts.id,
        code,
        attempt: this.#tried.length,
      });
    }
    return goesOn;
  }

  /** Takes note of a request that cannot be put to this engine. True: it may be put to another. */
  refused(target: Target, error: FlotillaError): boolean {
    this.#last = new EngineFailure(error);
    this.ended(target, 'cancelled');
    return error.code === 'capability_mismatch';
  }

  /** A reset once may be chance; twice in one request it is the engine. */
  #outcome(target: Target, { failover, unreachable, stale, error }: EngineFailure): Outcome {
    if (unreachable || (stale && this.#again === target)) return 'unreachable';
    if (stale) return 'stale';
    if (error.code === 'deadline_exceeded') return 'failed';
    return failover && !wellSaid.includes(error.details['engineStatus']) ? 'failed' : 'answered';
  }

  /** A prompt that is too long for one model goes to those with more room, and only to them. */
  #widens({ error }: EngineFailure): boolean {
    const { contextFallbacks = [] } = this.#resolution;
    if (error.code !== 'context_length_exceeded' || contextFallbacks.length === 0) return false;
    this.#resolution = { ...this.#resolution, routes: none, fallbacks: contextFallbacks, contextFallbacks: none };
    return true;
  }

  #choose(): Target | undefined {
    const other = this.#pick(this.#tried);
    if (other) return other;
    const again = this.#again;
    return again && this.#tried.indexOf(again) === this.#tried.lastIndexOf(again) ? again : undefined;
  }

  /** Passes over those that asked for a pause. */
  #pick(passed: readonly Target[]): Target | undefined {
    const { picker, pauses } = this.#engines;
    for (;;) {
      const target = picker.pick(this.#resolution, passed, this.#request);
      if (!target || pauses.left(target) === 0) return target;
      passed = [...passed, target];
    }
  }

  /** The targets that were tried and those that may not be. */
  #others(may: (target: Target, route: Route) => boolean): readonly Target[] {
    const { routes, fallbacks } = this.#resolution;
    const refused = [...routes, ...fallbacks].flatMap((route) => route.targets.filter((target) => !may(target, route)));
    return [...this.#tried, ...refused];
  }

  #began(target: Target): Target {
    this.#tried.push(target);
    this.#engines.picker.began(target, this.#request);
    return target;
  }

  #unavailable(): FlotillaError {
    const { routes, fallbacks } = this.#resolution;
    const ready = [...routes, ...fallbacks].flatMap(({ targets }) =>
      targets.filter(({ endpoint }) => endpoint.facts.ready),
    );
    if (ready.length === 0) return new FlotillaError('engine_unavailable');
    const pauses = ready.map((target) => this.#engines.pauses.left(target));
    const retryAfterMs = Math.ceil(Math.min(...pauses));
    return new FlotillaError(
      'overloaded',
      'Every engine of this model has all it can take. Try again in a moment.',
      retryAfterMs > 0 ? { details: { retryAfterMs } } : {},
    );
  }
}
