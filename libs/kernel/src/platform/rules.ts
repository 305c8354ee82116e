import { z } from 'zod';

/** A content rule. `pattern` is a regular expression of RE2's kind: linear in the length of the text. */
export const ruleSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i),
  /** `*`: every organisation. */
  org: z.string().min(1).default('*'),
  /** `block`: the answer is `message`. `guide`: `message` is added to the system prompt. */
  kind: z.enum(['block', 'guide']),
  pattern: z.string().min(1).max(1_000),
  message: z.string().min(1).max(4_000),
  enabled: z.boolean().default(true),
});

export type ContentRule = z.infer<typeof ruleSchema>;
