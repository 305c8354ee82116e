import { z } from 'zod';
import { processSchema } from './process.ts';

const milliseconds = z.number().int().positive().optional();

export const providerKinds = ['vllm', 'openai', 'ollama', 'openrouter'] as const;

/** Engines that are spoken to in one way, at one address or under one account. */
export const providerSchema = z.strictObject({
  /** What `targets` and `fallbacks` refer to. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i),
  kind: z.enum(providerKinds),
  /** With /v1 for OpenAI-compatible servers, without for Ollama. */
  base_url: z.url().optional(),
  /** The environment variable that holds the key. The key itself never stands in the file. */
  api_key_env: z.string().optional(),
  /** Where its engines stand: a rack, a building, an availability zone. Routers of the same zone prefer them. */
  zone: z.string().min(1).optional(),
  /** Limits of time in milliseconds; absent ones are the router's settings. */
  timeouts: z
    .strictObject({
      connect_ms: milliseconds,
      first_token_ms: milliseconds,
      idle_ms: milliseconds,
      total_ms: milliseconds,
    })
    .optional(),
  process: processSchema.optional(),
});

export type ProviderConfig = z.infer<typeof providerSchema>;
export type ProviderKind = ProviderConfig['kind'];
