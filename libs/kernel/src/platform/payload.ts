import { z } from 'zod';

/** `refuse`: 409 `capability_mismatch`. `strip`: asked without it, and the answer says so. `pass`: the engine decides. */
const withoutPolicy = z.enum(['refuse', 'strip', 'pass']);

/** What happens to a request that needs what its model is configured not to have. */
const withoutSchema = z.strictObject({
  /** Images, for models without `vision`. Stripped ones leave a line of text in their place. */
  images: withoutPolicy.optional(),
  /** Tools, for models without `tools`. */
  tools: withoutPolicy.optional(),
  /** `response_format` of JSON, for models without `json`. */
  json: withoutPolicy.optional(),
  /** `reasoning_effort`, for models without `reasoning`. */
  reasoning: withoutPolicy.optional(),
});

/** What happens to a prompt that is longer than the model's context window: `truncate` leaves out the oldest turns. */
const fitSchema = z.enum(['refuse', 'truncate']);

/** How the requests for one model are shaped; what is absent is as for all models. */
export const modelPayloadSchema = z.strictObject({
  without: withoutSchema.prefault({}),
  fit: fitSchema.optional(),
  /** Requests are refused while the model's chat template is not in the folder of templates. */
  require_template: z.boolean().optional(),
  /**
   * How the engine marks reasoning inside of its text: `think_tags` begins the answer with `<think>`, `think_open` lets the
   * prompt's template say the opening tag. Absent: the engine tells reasoning apart by itself.
   */
  reasoning_format: z.enum(['think_tags', 'think_open']).optional(),
  /** Turns with images before the current one that keep them. */
  vision_keep_last_n_turns: z.number().int().nonnegative().optional(),
  /** Turns before the current one that a reasoning model is shown. */
  reasoning_keep_last_n_turns: z.number().int().nonnegative().optional(),
});

/** What a model is taken for whose configuration names no capabilities: a guess, on which nothing is refused. */
export const assumedCapabilities: string[] = ['chat'];

/** A guess stays one when what was parsed is parsed again, with something laid over it. */
export const capabilitiesSchema = z.preprocess(
  (value) => (value === assumedCapabilities ? undefined : value),
  z.array(z.string()).default(() => assumedCapabilities),
);

/** How requests are shaped before an engine gets them. */
export const payloadSchema = z.strictObject({
  without: withoutSchema.prefault({}),
  fit: fitSchema.default('refuse'),
  /** By organisation; stands over what the model says. */
  orgs: z
    .record(
      z.string(),
      z.strictObject({
        fit: fitSchema.optional(),
        /** False: transcripts never hold what its people wrote or were answered. */
        transcript_prompts: z.boolean().default(true),
      }),
    )
    .default({}),
});

export type WithoutPolicy = z.infer<typeof withoutPolicy>;
