import { z } from 'zod';

/** What a deployment (production, staging, testing, …) shows of the registry, and which model plays which part there. */
const profileSchema = z.strictObject({
  /** Models that may be asked for: names, with `*` for any characters. */
  models: z.array(z.string().min(1)).default(['*']),
  /** Part → model. `role:<part>` is a name that clients may ask for; `chat` is what the loopback alias means. */
  roles: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i), z.string().min(1)).default({}),
  /** Whether models for tests are among them. */
  testing: z.boolean().default(false),
});

/** By name. */
export const profilesSchema = z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i), profileSchema).default({});

export type ProfileConfig = z.infer<typeof profileSchema>;
