import { z } from 'zod';

const whole = z.number().int().positive();
/** `exact`: the same request. `semantic`: also a question that means the same; it includes `exact`. */
const kind = z.enum(['exact', 'semantic']);

/** What holds for some requests; a field that is absent says nothing. */
const cacheRuleSchema = z.strictObject({
  /** What may be used. Where several rules hold for a request, what all of them allow. */
  allow: z.array(kind).optional(),
  /** What is used when the request does not say. */
  default: z.enum(['off', 'exact', 'semantic']).optional(),
  /** Seconds until a kept answer is forgotten. */
  ttl_s: whole.optional(),
});

const cacheShape = z.strictObject({
  /** For whom no rule below says it. */
  allow: z.array(kind).default([]),
  default: z.enum(['off', 'exact', 'semantic']).default('off'),
  /** Seconds until a kept answer is forgotten. */
  ttl_s: whole.default(3_600),
  /** Bytes of one answer; a longer one is not kept. */
  max_entry_bytes: whole.default(65_536),
  /** Answers of one organisation; past it the oldest go (each router lets it be a hundredth more for a while). */
  max_entries_per_org: whole.default(10_000),
  semantic: z
    .strictObject({
      /** Cosine of two questions from which they mean the same. Each embedding model has its own scale. */
      threshold: z.number().min(0.5).max(1).default(0.95),
      /** As clients would ask for it. Absent: the first model that embeds. */
      embedding_model: z.string().min(1).optional(),
      /** Seconds for which an answer stands for other questions than its own, where that is less than `ttl_s`. */
      max_age_s: whole.default(3_600),
      /** Characters of a question; a longer one is only looked for as it is. */
      max_question_chars: whole.default(300),
    })
    .prefault({}),
  /** By the organisation's id. */
  orgs: z.record(z.string(), cacheRuleSchema).default({}),
  tiers: z.record(z.string(), cacheRuleSchema).default({}),
  /** By the name that clients ask for. */
  models: z.record(z.string(), cacheRuleSchema).default({}),
});

/** Answers that are kept and said again to the same organisation. Nothing is kept unless it is allowed here. */
export const cacheSchema = cacheShape
  .refine(({ default: use, allow }) => use === 'off' || allow.includes(use), {
    path: ['default'],
    message: 'what is used by default must be allowed, too',
  })
  .prefault({});

export type CacheConfig = z.infer<typeof cacheSchema>;
export type CacheRule = z.infer<typeof cacheRuleSchema>;
