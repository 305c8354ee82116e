import type { router } from '@flotilla/contracts';
import type { Clock } from '@flotilla/kernel';
import { embed } from './generation/embedding.ts';
import type { Engines } from './generation/engines.ts';
import { Generation } from './generation/generation.ts';
import { defaultEmbeddingModel, listModels } from './registry/model-list.ts';
import type { Registry } from './registry/registry.ts';

/** What the service does, without how it is called. */
export class LlmRouter {
  readonly #registry: Registry;
  readonly #engines: Engines;
  readonly #startedAt: number;

  constructor(registry: Registry, engines: Engines, clock: Clock) {
    this.#registry = registry;
    this.#engines = engines;
    this.#startedAt = clock.now();
  }

  /** Nothing reaches an engine before the first `next`. Aborting the signal, or leaving the iteration, aborts the engine. */
  generate(request: router.GenerateRequest, signal: AbortSignal): AsyncIterableIterator<router.GenerateEvent> {
    return new Generation(this.#engines, request, this.#registry.resolve(request.model), signal);
  }

  async embed(request: router.EmbedRequest, signal: AbortSignal): Promise<router.EmbedResponse> {
    const model = request.model || defaultEmbeddingModel(this.#registry);
    return embed(this.#engines, this.#registry.resolve(model), request, signal);
  }

  listModels(): router.Model[] {
    return listModels(this.#registry, this.#startedAt);
  }
}
