import { z } from 'zod';

/** Prefix FLOTILLA_SAFETY. What is checked is the platform file's `safety` section. */
export const safetyConfigSchema = z.object({
  windowCharacters: z.coerce
    .number()
    .int()
    .min(4_096)
    .default(65_536)
    .describe('characters of a prompt scanned at a time (~0.5 ms each); other calls are served between windows'),
});

export type SafetyConfig = z.infer<typeof safetyConfigSchema>;

export const safetyDefaults: SafetyConfig = safetyConfigSchema.parse({});
