import { parse } from 'yaml';
import { z } from 'zod';
import { cacheSchema } from './cache.ts';
import { experimentsSchema, mirrorsSchema } from './experiments.ts';
import { issuerSchema } from './issuers.ts';
import { modelSchema } from './models.ts';
import { pickingSchema } from './picking.ts';
import { payloadSchema } from './payload.ts';
import { profilesSchema } from './profiles.ts';
import { providerSchema } from './providers.ts';
import { brokenReferences } from './references.ts';
import { ruleSchema } from './rules.ts';
import { routingSchema } from './tasks.ts';
import { tiersSchema } from './tiers.ts';

/** Another gateway of this platform, elsewhere. */
const peerRegion = z.strictObject({ name: z.string().min(1), url: z.url() });

/** The platform's configuration file. Every section may be absent; unknown fields are refused by name. */
export const platformFileSchema = z.strictObject({
  providers: z.array(providerSchema).default([]),
  default_provider: z.string().optional(),
  models: z.array(modelSchema).default([]),
  profiles: profilesSchema,
  /** The profile in force, where neither a router's settings nor one set at run time says another. Absent: none. */
  profile: z.string().optional(),
  tiers: tiersSchema,
  rules: z.array(ruleSchema).default([]),
  routing: routingSchema.prefault({}),
  payload: payloadSchema.prefault({}),
  cache: cacheSchema,
  picking: pickingSchema.prefault({}),
  experiments: experimentsSchema,
  mirrors: mirrorsSchema,
  auth: z.strictObject({ jwt: z.array(issuerSchema).default([]) }).prefault({}),
  /** Where this platform runs, and where else one does that takes its requests when it answers sooner. */
  regions: z.strictObject({ peers: z.array(peerRegion).default([]) }).prefault({}),
  safety: z
    .strictObject({
      /** Rule packs that are on. */
      packs: z.array(z.string()).default(['baseline']),
      /** What happens to a request whose safety check does not answer in time: `open` lets it pass (and says so), `closed` refuses it. */
      on_timeout: z.enum(['open', 'closed']).default('open'),
    })
    .prefault({}),
});

export type PlatformFile = z.infer<typeof platformFileSchema>;

/** Parses the file's text. Throws one error that names every field that is wrong. */
export function parsePlatformFile(text: string, filename = 'the configuration file'): PlatformFile {
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (cause) {
    throw new Error(`${filename} is not valid YAML: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const result = platformFileSchema.safeParse(value);
  const mistakes = result.success
    ? brokenReferences(result.data)
    : result.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  if (result.success && mistakes.length === 0) return result.data;
  throw new Error(`${filename} is not valid:\n  ${mistakes.join('\n  ')}`);
}
