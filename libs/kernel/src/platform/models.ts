import { z } from 'zod';

/** USD per million tokens. */
export const priceSchema = z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() });

export const modelSchema = z.strictObject({
  /** What clients ask for. */
  name: z.string().min(1),
  targets: z
    .array(
      z.strictObject({ provider: z.string(), model: z.string().optional(), weight: z.number().positive().default(1) }),
    )
    .min(1),
  /** `provider/model`, tried in order when no target answers. */
  fallbacks: z.array(z.string()).default([]),
  capabilities: z.array(z.string()).default(['chat']),
  /** Tokens; unknown when absent. */
  context_window: z.number().int().positive().optional(),
  price: priceSchema.optional(),
});

export type ModelConfig = z.infer<typeof modelSchema>;
