import { z } from 'zod';

/** Who may issue tokens for us. Exactly one of `jwks_url` and `secret_env`. */
export const issuerSchema = z.strictObject({
  issuer: z.string().min(1),
  audience: z.string().min(1),
  jwks_url: z.url().optional(),
  /** The environment variable that holds the shared secret (HS256). */
  secret_env: z.string().optional(),
  /** Claims that say for whom a token speaks. */
  org_claim: z.string().default('org_id'),
  tier_claim: z.string().default('tier'),
  /** Organisations it may speak for; absent: all. */
  orgs: z.array(z.string().min(1)).min(1).optional(),
  /** The most that its tokens may be allowed to. */
  scopes: z
    .array(z.enum(['inference', 'files', 'usage', 'org-admin', 'admin']))
    .default(['inference', 'files', 'usage']),
  /** Seconds by which clocks may differ. */
  clock_skew_s: z.number().nonnegative().default(60),
});

export type IssuerConfig = z.infer<typeof issuerSchema>;
