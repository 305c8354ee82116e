import { z } from 'zod';
import type { ServedModel } from './engine-view.ts';

/** Models of one engine that are kept; OpenRouter had about 500 in 2026. */
const maxModels = 2_000;

const openaiList = z.object({
  data: z.array(
    z.looseObject({
      id: z.string(),
      capabilities: z.array(z.string()).optional().catch(undefined),
      root: z.string().nullish().catch(undefined),
      parent: z.string().nullish().catch(undefined),
      architecture: z
        .looseObject({ output_modalities: z.array(z.string()).optional() })
        .optional()
        .catch(undefined),
    }),
  ),
});

/** OpenAI's `/v1/models`, with what vLLM-like servers and OpenRouter add. Undefined: not such a list. */
export function readOpenaiModels(value: unknown): ServedModel[] | undefined {
  const list = openaiList.safeParse(value);
  return list.data?.data.slice(0, maxModels).map(({ id, capabilities, architecture, root, parent }) => ({
    name: id,
    capabilities: capabilities ?? (architecture?.output_modalities?.includes('text') ? ['chat'] : guess(id)),
    ...(parent && { adapterPath: root ?? '' }),
  }));
}

const ollamaList = z.object({
  models: z.array(
    z.looseObject({
      name: z.string(),
      details: z.looseObject({ family: z.string().optional() }).optional().catch(undefined),
    }),
  ),
});

/** Ollama's `/api/tags`. */
export function readOllamaModels(value: unknown): ServedModel[] | undefined {
  const list = ollamaList.safeParse(value);
  return list.data?.models.slice(0, maxModels).map(({ name, details }) => ({
    name,
    capabilities: details?.family?.includes('bert') ? ['embeddings'] : guess(name),
  }));
}

const anthropicList = z.object({ data: z.array(z.looseObject({ id: z.string() })) });

/** Anthropic's `/v1/models`. All of its models chat. */
export function readAnthropicModels(value: unknown): ServedModel[] | undefined {
  const list = anthropicList.safeParse(value);
  return list.data?.data.slice(0, maxModels).map(({ id }) => ({ name: id, capabilities: ['chat'] }));
}

/** A model of which nothing but its name is known. */
export function namedModel(name: string): ServedModel {
  return { name, capabilities: guess(name) };
}

/** A name that says it makes embeddings is believed; of all others nothing is claimed. */
function guess(name: string): string[] {
  return /embed/i.test(name) ? ['embeddings'] : [];
}
