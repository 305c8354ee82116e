import { z } from 'zod';
import { router } from '@flotilla/contracts';

/** Models of one provider that are kept; OpenRouter had about 500 in 2026. */
export const maxOffered = 2_000;
/** Characters of a description that are kept. */
const maxDescription = 300;

const texts = z.array(z.string()).optional().catch(undefined);
const amount = z.union([z.string(), z.number()]).optional().catch(undefined);
const line = z.string().optional().catch(undefined);
const count = z.number().int().positive().optional().catch(undefined);
const part = <S extends z.ZodRawShape>(shape: S) => z.looseObject(shape).optional().catch(undefined);

const openAiList = z.object({
  data: z.array(
    z.looseObject({
      id: z.string().min(1),
      name: line,
      description: line,
      capabilities: texts,
      /** OpenRouter's, and vLLM's. */
      context_length: count,
      max_model_len: count,
      architecture: part({ input_modalities: texts, output_modalities: texts }),
      supported_parameters: texts,
      pricing: part({ prompt: amount, completion: amount }),
    }),
  ),
});
type OpenAiModel = z.infer<typeof openAiList>['data'][number];

/** OpenAI's `GET /models`, with what vLLM and OpenRouter add to it. */
export function readOpenAiList(body: unknown): router.OfferedModel[] | undefined {
  return openAiList
    .safeParse(body)
    .data?.data.slice(0, maxOffered)
    .map((model) =>
      offered({
        id: model.id,
        name: model.name ?? model.id,
        description: model.description ?? '',
        capabilities: capabilitiesOf(model),
        contextWindow: model.context_length ?? model.max_model_len ?? 0,
        inputPrice: perMillion(model.pricing?.prompt),
        outputPrice: perMillion(model.pricing?.completion),
      }),
    );
}

/** A parameter that OpenRouter says a model takes → what that makes it able to. */
const abilities: readonly (readonly [parameter: string, capability: string])[] = [
  ['tools', 'tools'],
  ['reasoning', 'reasoning'],
  ['structured_outputs', 'json'],
];

function capabilitiesOf({ id, capabilities, architecture, supported_parameters: taken = [] }: OpenAiModel): string[] {
  if (capabilities) return capabilities;
  const { input_modalities: input = [], output_modalities: output } = architecture ?? {};
  if (!output?.includes('text')) return guessed(id);
  const seen = input.includes('image') ? ['vision'] : [];
  return ['chat', ...seen, ...abilities.filter(([name]) => taken.includes(name)).map(([, able]) => able)];
}

/** USD per token as text → per million tokens; what is not told or not settled (`-1`) is 0: unknown. */
function perMillion(price: string | number | undefined): number {
  const millionths = Math.round(Number(price ?? 0) * 1e12) / 1e6;
  return millionths > 0 && Number.isFinite(millionths) ? millionths : 0;
}

const ollamaList = z.object({
  models: z.array(
    z.looseObject({
      name: z.string().min(1),
      capabilities: texts,
      details: part({ family: line, parent_model: line, parameter_size: line, quantization_level: line }),
    }),
  ),
});

/** What Ollama calls a model able to → what we do. */
const ollamaAbilities: Readonly<Record<string, string>> = {
  completion: 'chat',
  embedding: 'embeddings',
  thinking: 'reasoning',
};

/** Ollama's `GET /api/tags`. A model that was made of another by a Modelfile counts as a persona: it has a prompt of its own. */
export function readOllamaList(body: unknown): router.OfferedModel[] | undefined {
  return ollamaList
    .safeParse(body)
    .data?.models.slice(0, maxOffered)
    .map(({ name, capabilities, details }) =>
      offered({
        id: name,
        name: name.replace(/:latest$/, ''),
        description: [details?.parameter_size, details?.quantization_level].filter(Boolean).join(' '),
        capabilities:
          capabilities?.map((one) => ollamaAbilities[one] ?? one) ??
          (details?.family?.includes('bert') ? ['embeddings'] : guessed(name)),
        persona: Boolean(details?.parent_model),
      }),
    );
}

const supported = part({ supported: z.boolean() });
const anthropicList = z.object({
  data: z.array(
    z.looseObject({
      id: z.string().min(1),
      display_name: line,
      max_input_tokens: count,
      capabilities: part({ image_input: supported, thinking: supported, structured_outputs: supported }),
    }),
  ),
});

/** Anthropic's `GET /v1/models`. All of its models chat and call tools. */
export function readAnthropicList(body: unknown): router.OfferedModel[] | undefined {
  return anthropicList
    .safeParse(body)
    .data?.data.slice(0, maxOffered)
    .map((model) => {
      const { image_input: image, thinking, structured_outputs: structured } = model.capabilities ?? {};
      const able = [
        ...(image?.supported ? ['vision'] : []),
        ...(thinking?.supported ? ['reasoning'] : []),
        ...(structured?.supported ? ['json'] : []),
      ];
      return offered({
        id: model.id,
        name: model.display_name ?? model.id,
        capabilities: ['chat', 'tools', ...able],
        contextWindow: model.max_input_tokens ?? 0,
      });
    });
}

function offered(model: Partial<router.OfferedModel>): router.OfferedModel {
  const description = (model.description ?? '').slice(0, maxDescription);
  return router.OfferedModel.fromPartial({ ...model, description });
}

/** A name that says it makes embeddings is believed; of all others nothing is claimed. */
function guessed(name: string): string[] {
  return /embed/i.test(name) ? ['embeddings'] : [];
}
