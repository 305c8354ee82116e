import type { common, router } from '@flotilla/contracts';
import { FlotillaError, isAuto, type Clock } from '@flotilla/kernel';
import type { Activation } from './activation/activation.ts';
import { embed } from './generation/embedding.ts';
import type { Engines } from './generation/engines.ts';
import { Generation } from './generation/generation.ts';
import { LateEvents } from './generation/late-events.ts';
import {
  noRouting,
  type AnswerLayer,
  type Ask,
  type GenerateEvents,
  type Plan,
  type PlanStep,
} from './generation/plan.ts';
import { defaultEmbeddingModel, listModels, type ListOptions } from './registry/model-list.ts';
import type { Registry } from './registry/registry.ts';
import type { TaskRouter } from './tasks/task-router.ts';

export interface RouterParts {
  readonly registry: Registry;
  readonly engines: Engines;
  readonly clock: Clock;
  /** Says which model `auto` is. */
  readonly tasks: TaskRouter;
  /** In their order. */
  readonly steps: readonly PlanStep[];
  /** The first is the outermost. */
  readonly layers: readonly AnswerLayer[];
  /** Told of requests that no engine was asked for, and why. */
  readonly onRefused?: (request: router.GenerateRequest, error: unknown) => void;
  /** Sees to it that an engine is ready, where that takes a start. Absent: engines are there or are not. */
  readonly activation?: Pick<Activation, 'ready'>;
}

/** What the service does, without how it is called. */
export class LlmRouter {
  readonly #parts: RouterParts;
  readonly #startedAt: number;
  readonly #ask: Ask;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    const engines: Ask = (plan, signal) => new Generation(parts.engines, plan, signal);
    this.#ask = parts.layers.reduceRight<Ask>(
      (next, layer) => (plan, signal) => layer.answer(plan, signal, next),
      engines,
    );
  }

  /** Nothing reaches an engine before the first `next`. Aborting the signal, or leaving the iteration, aborts the engine. */
  generate(request: router.GenerateRequest, signal: AbortSignal): GenerateEvents {
    const plan = this.#planOrRefuse(request, signal);
    if (!(plan instanceof Promise)) return this.#ask(plan, signal);
    // It is being made while nobody waits for it yet: who comes for the events is told of its failure.
    plan.catch((error: unknown) => this.#parts.onRefused?.(request, error));
    return new LateEvents(async () => this.#ask(await plan, signal));
  }

  async embed(request: router.EmbedRequest, signal: AbortSignal): Promise<router.EmbedResponse> {
    const { registry, engines, activation } = this.#parts;
    const model = request.model || defaultEmbeddingModel(registry);
    if (isAuto(model)) {
      const message = 'auto chooses among models that chat. Name one that embeds; GET /v1/models lists them.';
      throw new FlotillaError('model_not_found', message, { details: { param: 'model' } });
    }
    const resolution = registry.resolve(model);
    const ready = (await activation?.ready(resolution, request.caller?.requestId ?? '', signal)) ?? resolution;
    return embed(engines, ready, request, signal);
  }

  listModels(options: ListOptions & { caller?: common.Caller | undefined }): router.Model[] {
    const { registry, tasks } = this.#parts;
    return [
      ...tasks.models(options.caller?.orgId ?? '', this.#startedAt),
      ...listModels(registry, this.#startedAt, options),
    ];
  }

  #planOrRefuse(request: router.GenerateRequest, signal: AbortSignal): Plan | Promise<Plan> {
    try {
      return this.#plan(request, signal);
    } catch (error) {
      this.#parts.onRefused?.(request, error);
      throw error;
    }
  }

  #plan(request: router.GenerateRequest, signal: AbortSignal): Plan | Promise<Plan> {
    const { registry, tasks, steps } = this.#parts;
    const asked = tasks.route(request) ?? { request, routing: noRouting };
    const begun: Plan = { ...asked, resolution: registry.resolve(asked.request.model) };
    return steps.reduce<Plan | Promise<Plan>>(
      (plan, step) =>
        plan instanceof Promise ? plan.then((made) => step.prepare(made, signal)) : step.prepare(plan, signal),
      begun,
    );
  }
}
