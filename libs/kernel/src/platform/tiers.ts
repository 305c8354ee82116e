import { z } from 'zod';

const whole = z.number().int().positive();

/** What one key, user or organisation may use; absent: no limit of that kind. Days, weeks (from Monday) and months are those of UTC. */
export const limitSetSchema = z.strictObject({
  requests_per_minute: whole.optional(),
  requests_per_day: whole.optional(),
  tokens_per_minute: whole.optional(),
  tokens_per_week: whole.optional(),
  tokens_per_month: whole.optional(),
  concurrent_requests: whole.optional(),
  budget_usd_per_month: z.number().positive().optional(),
});

/** Its own limits hold for each key; `user` and `org` for those the key belongs to. */
export const tierSchema = limitSetSchema.extend({
  /** Output tokens reserved for a request that names no maximum. */
  default_max_tokens: whole.default(4096),
  /**
   * `strict`: every request is decided by the limiter, and nothing is used that was not reserved. `lease`: gateways take
   * requests and tokens in advance and decide by themselves; less exact by what they hold, and a hop less.
   */
  mode: z.enum(['strict', 'lease']).default('strict'),
  /** Under overload batch goes first. */
  priority: z.enum(['interactive', 'batch']).default('interactive'),
  user: limitSetSchema.optional(),
  org: limitSetSchema.optional(),
});

/** There without being named; a tier of the same name in the file stands in place of it, as a whole. */
const standardTiers = {
  free: { requests_per_minute: 20, tokens_per_minute: 100_000, tokens_per_week: 1_000_000, default_max_tokens: 1_024 },
  pro: {
    mode: 'lease',
    requests_per_minute: 600,
    tokens_per_minute: 1_000_000,
    org: { tokens_per_month: 1_000_000_000 },
  },
  enterprise: { mode: 'lease', requests_per_minute: 6_000, tokens_per_minute: 10_000_000 },
} as const;

/** The tiers of a file, and the standard ones it does not name. */
export const tiersSchema = z
  .record(z.string(), tierSchema)
  .prefault({})
  .transform((tiers) => ({ ...z.record(z.string(), tierSchema).parse(standardTiers), ...tiers }));

export type LimitSet = z.infer<typeof limitSetSchema>;
export type TierConfig = z.infer<typeof tierSchema>;
