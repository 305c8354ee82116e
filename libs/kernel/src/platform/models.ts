import { z } from 'zod';
import { capabilitiesSchema, modelPayloadSchema } from './payload.ts';

/** USD per million tokens. */
const priceSchema = z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() });

/** A LoRA adapter that engines of the model hold beside it. */
const adapterSchema = z.strictObject({
  /** What clients ask for, and what the engines call it. */
  name: z.string().min(1),
  /** Where its weights lie, as the engine sees it; absent: the engine knows. */
  path: z.string().min(1).optional(),
  /** One line for people. */
  description: z.string().optional(),
});

/** One place that serves the model. */
const targetSchema = z.strictObject({
  /** A provider's name. */
  provider: z.string(),
  /** What the provider calls the model; absent: as clients do, or the one thing the engine serves. */
  model: z.string().optional(),
  /** Its share of the requests, against those of the other targets. */
  weight: z.number().positive().default(1),
  /** What it costs there, in USD per million tokens; absent: the model's price. */
  price: priceSchema.optional(),
});

export const modelSchema = z.strictObject({
  /** What clients ask for, and what answers are signed with. */
  name: z.string().min(1),
  /** Other names for it. Answers say the name itself. */
  aliases: z.array(z.string().min(1)).default([]),
  targets: z.array(targetSchema).min(1),
  /** `provider/model`, or a model of this file, tried in order when no target answers. */
  fallbacks: z.array(z.string()).default([]),
  /** The same, tried instead when the prompt is longer than a target's context window. */
  context_fallbacks: z.array(z.string()).default([]),
  /** chat | vision | tools | reasoning | json | embeddings | … */
  capabilities: capabilitiesSchema,
  /** Tokens; unknown when absent. */
  context_window: z.number().int().positive().optional(),
  /** The chat template's name: a file in the router's folder of templates. */
  template: z.string().min(1).optional(),
  /** USD per million tokens. */
  price: priceSchema.optional(),
  /** A path that is there when the weights are: a file or a folder of this machine. Absent: it counts as installed. */
  installed: z.string().min(1).optional(),
  /** Made for tests: neither listed nor served unless the profile or a setting says so. */
  testing: z.boolean().default(false),
  /** LoRA adapters, each a name that clients may ask for. */
  adapters: z.array(adapterSchema).default([]),
  /** Parts it plays where the profile in force names no model for them. */
  roles: z.array(z.string().min(1)).default([]),
  /** Models of one family have the same weights: an answer that one began another may go on with. */
  family: z.string().min(1).optional(),
  /** How its requests are shaped. */
  payload: modelPayloadSchema.optional(),
  /** One line for people. */
  description: z.string().optional(),
});

export type ModelConfig = z.infer<typeof modelSchema>;

/** All that it may be asked for by: its name, its aliases, its adapters. */
export function namesOf({ name, aliases, adapters }: Pick<ModelConfig, 'name' | 'aliases' | 'adapters'>): string[] {
  return [name, ...aliases, ...adapters.map((adapter) => adapter.name)];
}
