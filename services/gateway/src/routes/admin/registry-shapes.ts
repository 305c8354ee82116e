import type { router } from '@flotilla/contracts';
import { z } from 'zod';

const seconds = (ms: number) => Math.floor(ms / 1_000);

export const overrideSchema = z
  .strictObject({
    ...{ object: z.literal('override'), kind: z.string(), name: z.string() },
    definition: z.json(),
    updated_at: z.int().describe('Seconds since 1970.'),
    updated_by: z.string().describe('The key that set it.'),
  })
  .meta({ id: 'Override' });

export function overrideObject(override: router.Override): z.input<typeof overrideSchema> {
  const { kind, name, definitionJson, updatedAt, updatedBy } = override;
  const definition = JSON.parse(definitionJson) as z.input<typeof overrideSchema>['definition'];
  return { object: 'override', kind, name, definition, updated_at: seconds(updatedAt), updated_by: updatedBy };
}

export const providerSchema = z
  .strictObject({
    ...{ object: z.literal('provider'), name: z.string(), kind: z.string(), base_url: z.string() },
    is_default: z.boolean().describe('Takes the models that nothing else names.'),
    ready: z.boolean(),
    has_key: z.boolean(),
    source: z.string().describe('file, override or discovered'),
  })
  .meta({ id: 'Provider' });

export function providerObject(provider: router.Provider): z.input<typeof providerSchema> {
  const { name, kind, baseUrl, isDefault, ready, hasKey, source } = provider;
  return { object: 'provider', name, kind, base_url: baseUrl, is_default: isDefault, ready, has_key: hasKey, source };
}

export const offerSchema = z
  .strictObject({
    ...{ object: z.literal('offered_model'), id: z.string(), name: z.string(), capabilities: z.array(z.string()) },
    context_window: z.int().nullable(),
    price: z
      .strictObject({ input: z.number(), output: z.number() })
      .nullable()
      .describe('USD per million tokens. Null: not told.'),
    persona: z.boolean().describe('A named character: a model with a system prompt of its own.'),
    description: z.string(),
  })
  .meta({ id: 'OfferedModel' });

export function offerObject(offer: router.OfferedModel): z.input<typeof offerSchema> {
  const { id, name, capabilities, contextWindow, inputPrice, outputPrice, persona, description } = offer;
  const price = inputPrice > 0 || outputPrice > 0 ? { input: inputPrice, output: outputPrice } : null;
  return {
    ...{ object: 'offered_model', id, name: name || id, capabilities, persona, description, price },
    context_window: contextWindow || null,
  };
}
