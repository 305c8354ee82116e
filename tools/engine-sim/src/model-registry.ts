import { ApiError, badRequest } from './http/exchange.ts';

export interface LoadedModel {
  name: string;
  task: 'generate' | 'embed';
  /** Set for LoRA adapters. */
  adapter?: { path: string; parent: string };
}

/** Adapters at these paths are not there. */
const missing = /(?:^|\/)missing(?:\/|$)/;

/** At most this many adapters are loaded at once. */
const maxLoadedAdapters = 1_000;

/** The models the engine answers for: its own and the adapters loaded at run time. */
export class ModelRegistry {
  private readonly models = new Map<string, LoadedModel>();
  private readonly base: string;

  constructor(model: string, embeddingModel: string) {
    this.base = model;
    this.models.set(model, { name: model, task: 'generate' });
    if (embeddingModel) this.models.set(embeddingModel, { name: embeddingModel, task: 'embed' });
  }

  list(): LoadedModel[] {
    return [...this.models.values()];
  }

  /** The model of a request; absent names the base model, as in vLLM. Throws ApiError. */
  resolve(name: string | undefined, task: LoadedModel['task']): LoadedModel {
    const model = this.models.get(name ?? this.base);
    if (!model) throw new ApiError(404, 'NotFoundError', `The model \`${name}\` does not exist.`, 'model');
    if (model.task === task) return model;
    const api = task === 'embed' ? 'Embeddings' : 'Completions';
    throw badRequest(`The model \`${model.name}\` does not support the ${api} API.`, 'model');
  }

  loadAdapter(name: string, path: string): void {
    if (this.models.has(name)) {
      throw badRequest(`The lora adapter '${name}' has already been loaded.`, 'lora_name');
    }
    if (missing.test(path))
      throw new ApiError(
        404,
        'NotFoundError',
        `Loading lora ${name} failed: No adapter found for ${path}`,
        'lora_path',
      );
    if (this.models.size >= maxLoadedAdapters) throw badRequest('Too many adapters are loaded.');
    this.models.set(name, { name, task: 'generate', adapter: { path, parent: this.base } });
  }

  unloadAdapter(name: string): void {
    if (!this.models.get(name)?.adapter) {
      throw new ApiError(404, 'NotFoundError', `The lora adapter '${name}' cannot be found.`, 'lora_name');
    }
    this.models.delete(name);
  }
}
