import { FlotillaError, toFlotillaError, type Clock } from '@flotilla/kernel';
import { endSpan, logger, startSpan } from '@flotilla/telemetry';
import type { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import { endpointFacts } from '../endpoints/fleet-facts.ts';
import type { AnswerLayer, Ask, GenerateEvents, Plan } from '../generation/plan.ts';
import type { Target } from '../providers/target.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resolution } from '../registry/resolution.ts';
import { HeldAnswer } from './held-answer.ts';
import { holdSeconds } from './metrics.ts';
import { hasReady } from '../registry/resolution.ts';
import { onDemandTargets } from './on-demand.ts';
import { Starts, type Activate } from './starts.ts';
import { Uses } from './uses.ts';

const log = logger('llm-router');

export interface ActivationParts {
  readonly registry: Pick<Registry, 'find'>;
  readonly directory: EndpointDirectory;
  /** Asks the fleet. */
  readonly activate: Activate;
  readonly clock: Clock;
  /** Told when a request begins or ends to wait for a start. */
  onHeld?(target: Target, change: 1 | -1): void;
  readonly settings: { readonly activationTimeoutMs: number; readonly maxHeldPerModel: number };
}

/** Holds requests for models whose engines run only while they are used, until the fleet has started one. */
export class Activation implements AnswerLayer {
  readonly #parts: ActivationParts;
  readonly #starts: Starts;
  readonly #uses: Uses;

  constructor(parts: ActivationParts) {
    const { activate, clock, settings } = parts;
    this.#parts = parts;
    this.#starts = new Starts({
      ...{ activate, timeoutMs: settings.activationTimeoutMs, maxWaiting: settings.maxHeldPerModel },
      onHeld: (target, change) => parts.onHeld?.(target, change),
    });
    this.#uses = new Uses(activate, clock);
  }

  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
    if (onDemandTargets(plan.resolution).length === 0) return next(plan, signal);
    return new HeldAnswer({
      ...{ plan, next, signal, clock: this.#parts.clock },
      hold: (asked, again, until) => {
        const requestId = asked.request.caller?.requestId ?? '';
        const held = this.#hold(asked.resolution, requestId, again, until);
        return held?.then((resolution) => ({ ...asked, resolution }));
      },
    });
  }

  /** The resolution, once one of its engines is ready where that takes a start. Throws why none is. */
  async ready(resolution: Resolution, requestId: string, signal: AbortSignal): Promise<Resolution> {
    return (await this.#hold(resolution, requestId, false, signal)) ?? resolution;
  }

  close(): void {
    this.#uses.close();
  }

  /** Undefined: an engine is ready, or none can be started. */
  #hold(
    resolution: Resolution,
    requestId: string,
    again: boolean,
    signal: AbortSignal,
  ): Promise<Resolution> | undefined {
    const targets = onDemandTargets(resolution);
    if (targets.length === 0) return undefined;
    const ready = targets.filter(({ endpoint }) => endpoint.facts.ready);
    for (const target of ready) this.#uses.note(target);
    if (!again && hasReady(resolution.routes)) return undefined;
    return this.#started(resolution, targets, requestId, signal);
  }

  async #started(
    resolution: Resolution,
    targets: readonly Target[],
    requestId: string,
    signal: AbortSignal,
  ): Promise<Resolution> {
    const { clock, registry } = this.#parts;
    const startedAt = clock.monotonic();
    const { provider } = targets[0]!.endpoint.facts;
    // What a step made of it stays; what the registry says is asked for anew, for it says more once the engine runs.
    const plain = registry.find(resolution.name) === resolution;
    const span = startSpan('router.activation', {
      'flotilla.provider': provider,
      'gen_ai.request.model': resolution.name,
    });
    let outcome = 'started';
    try {
      await this.#first(targets, requestId, signal);
      endSpan(span);
      return (plain && registry.find(resolution.name)) || resolution;
    } catch (thrown) {
      const error = toFlotillaError(thrown);
      outcome = error.code;
      endSpan(span, error);
      if (signal.aborted || !hasReady(resolution.fallbacks)) throw error;
      log.warn('a model could not be started; its fallbacks are asked', { provider, code: error.code });
      return resolution;
    } finally {
      holdSeconds.record((clock.monotonic() - startedAt) / 1_000, { provider, outcome });
    }
  }

  /** Starts the first of them that can be. */
  async #first(targets: readonly Target[], requestId: string, signal: AbortSignal): Promise<void> {
    let failure: unknown = new FlotillaError('engine_unavailable');
    for (const target of targets) {
      try {
        const engine = await this.#starts.start(target, requestId, signal);
        this.#parts.directory.updateOne(endpointFacts(engine));
        this.#uses.note(target);
        return;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }
}
