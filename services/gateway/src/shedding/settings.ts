import { z } from 'zod';

const count = (value: number) => z.coerce.number().int().positive().default(value);

/** Settings of the adaptive limits, part of the gateway's. */
export const sheddingSettings = {
  shedMinConcurrency: count(16).describe('Chats of one model that are never too many, however late its first tokens.'),
  shedMaxConcurrency: count(4_096).describe(
    'Chats of one model under way at most. The limit starts here and comes down when first tokens are late.',
  ),
  shedTolerance: z.coerce
    .number()
    .min(1.1)
    .default(2)
    .describe(
      'How many times its usual time to the first token a model may take before fewer chats are let in. Near 1 sheds on noise.',
    ),
  shedTimelyMs: count(1_000).describe(
    'Milliseconds within which a first token is never late, however quick the model usually is.',
  ),
  shedBatchShare: z.coerce
    .number()
    .positive()
    .max(1)
    .default(0.7)
    .describe('Share of the limit that batch may fill; the rest is kept for interactive chats.'),
};

export type SheddingSettings = z.infer<z.ZodObject<typeof sheddingSettings>>;
