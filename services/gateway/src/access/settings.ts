import { z } from 'zod';

const count = z.coerce.number().int().positive();

/** Settings of who may ask and how much, part of the gateway's. */
export const accessSettings = {
  devKey: z
    .string()
    .min(8)
    .optional()
    .describe(
      'An API key that is put into the database at start, for organisation `default` and tier `dev`, with every scope. Not for production.',
    ),
  keyPepper: z
    .string()
    .min(16)
    .optional()
    .describe(
      'Secret that keys the hashes of API keys (HMAC-SHA-256). Changing it makes every stored key unknown. Absent: plain SHA-256.',
    ),
  keyCacheSize: count
    .default(10_000)
    .describe(
      'Credentials whose verification is held in memory at most, about 1 kB each; as many of keys as of tokens.',
    ),
  signingSecret: z
    .string()
    .min(32)
    .optional()
    .describe(
      'Secret that the signing secrets of keys are derived from. Changing it makes every signing secret wrong. Absent: signed requests are refused.',
    ),
  defaultRequestsPerMinute: count
    .default(600)
    .describe('Requests per minute of a key whose tier is defined neither in the database nor in the platform file.'),
  defaultTokensPerMinute: count.default(1_000_000).describe('Tokens per minute of such a key.'),
  defaultMaxTokens: count
    .default(4_096)
    .describe('Output tokens reserved for a request of such a key that names no maximum.'),
};

export type AccessSettings = z.infer<z.ZodObject<typeof accessSettings>>;
