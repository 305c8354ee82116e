import { limitSetSchema, tierSchema } from '@flotilla/kernel';
import { z } from 'zod';
import { scopes } from '../../access/identity.ts';
import type { AuditEntry, CreatedKey, Key, Org, Tier, User } from '../../directory/records.ts';
import { ruleInputSchema, type StoredRule } from '../../rules/rule.ts';

const secondsOf = (ms: number) => Math.floor(ms / 1_000);
const secondsOrNull = (ms: number | null) => (ms === null ? null : secondsOf(ms));

/** Seconds since 1970, as in OpenAI's objects. */
const moment = z.int().describe('Seconds since 1970.');
const momentOrNever = moment.nullable();

export const orgSchema = z
  .strictObject({
    ...{ object: z.literal('org'), id: z.string(), name: z.string(), tier: z.string() },
    limits: limitSetSchema.describe('In place of what the tier says of organisations.'),
    ...{ created_at: moment, disabled_at: momentOrNever },
  })
  .meta({ id: 'Org' });

export function orgObject({ id, name, tier, limits, createdAt, disabledAt }: Org): z.input<typeof orgSchema> {
  const times = { created_at: secondsOf(createdAt), disabled_at: secondsOrNull(disabledAt) };
  return { object: 'org', id, name, tier, limits, ...times };
}

export const userSchema = z
  .strictObject({
    ...{ object: z.literal('user'), id: z.string(), org: z.string(), name: z.string() },
    limits: limitSetSchema.describe('In place of what the tier says of users.'),
    ...{ created_at: moment, disabled_at: momentOrNever },
  })
  .meta({ id: 'User' });

export function userObject({ id, orgId, name, limits, createdAt, disabledAt }: User): z.input<typeof userSchema> {
  const times = { created_at: secondsOf(createdAt), disabled_at: secondsOrNull(disabledAt) };
  return { object: 'user', id, org: orgId, name, limits, ...times };
}

const keyFields = {
  ...{ object: z.literal('key'), id: z.string(), org: z.string() },
  user: z.string().nullable().describe('Null: the key belongs to the organisation itself.'),
  name: z.string(),
  prefix: z.string().describe('The first characters of the key, to find it by.'),
  scopes: z.array(z.enum(scopes)),
  models: z.array(z.string()).nullable().describe('Null: all models.'),
  limits: limitSetSchema.describe('In place of what the tier says of keys.'),
  tier: z.string().nullable().describe("Null: the organisation's."),
  require_signature: z.boolean(),
  created_at: moment,
  expires_at: momentOrNever,
  revoked_at: momentOrNever,
  replaced_by: z.string().nullable().describe('The key that took its place.'),
  rotated_at: momentOrNever,
  last_used_at: momentOrNever,
};
export const keySchema = z.strictObject(keyFields).meta({ id: 'Key' });

export function keyObject(key: Key): z.input<typeof keySchema> {
  const { id, name, prefix, scopes: held, models, limits, tier } = key;
  return {
    ...{ object: 'key', id, org: key.orgId, user: key.userId, name, prefix, scopes: [...held] },
    ...{ models: models && [...models], limits, tier, require_signature: key.requireSignature },
    created_at: secondsOf(key.createdAt),
    expires_at: secondsOrNull(key.expiresAt),
    revoked_at: secondsOrNull(key.revokedAt),
    replaced_by: key.replacedBy,
    rotated_at: secondsOrNull(key.rotatedAt),
    last_used_at: secondsOrNull(key.lastUsedAt),
  };
}

export const createdKeySchema = z
  .strictObject({
    ...keyFields,
    secret: z.string().describe('The key itself. It is shown this once.'),
    signing_secret: z.string().nullable().describe('Signs requests. Null: this platform takes no signed requests.'),
  })
  .meta({ id: 'CreatedKey' });

export function createdKeyObject({ key, secret, signingSecret }: CreatedKey): z.input<typeof createdKeySchema> {
  return { ...keyObject(key), secret, signing_secret: signingSecret ?? null };
}

export const tierObjectSchema = z
  .strictObject({
    ...{ object: z.literal('tier'), name: z.string() },
    source: z.enum(['file', 'database']).describe("A tier of the database stands in place of the file's."),
    definition: tierSchema,
  })
  .meta({ id: 'Tier' });

export function tierObject({ name, source, definition }: Tier): z.input<typeof tierObjectSchema> {
  return { object: 'tier', name, source, definition };
}

export const ruleObjectSchema = ruleInputSchema
  .extend({
    ...{ object: z.literal('rule'), enabled: z.boolean() },
    org: z.string().describe('`*`: every organisation.'),
    ...{ created_at: moment, updated_at: moment },
  })
  .meta({ id: 'Rule' });

export function ruleObject({ createdAt, updatedAt, ...rule }: StoredRule): z.input<typeof ruleObjectSchema> {
  return { object: 'rule', ...rule, created_at: secondsOf(createdAt), updated_at: secondsOf(updatedAt) };
}

export const auditSchema = z
  .strictObject({
    ...{ object: z.literal('audit_entry'), id: z.string(), at: moment },
    actor: z.strictObject({ key: z.string(), user: z.string(), org: z.string() }),
    action: z.string().describe('E.g. `key.revoke`.'),
    target: z.strictObject({ kind: z.string(), id: z.string() }),
    org: z.string().describe("Whose it is; empty: the platform's."),
    change: z.record(z.string(), z.unknown()).describe('The fields that were given; no secret among them.'),
  })
  .meta({ id: 'AuditEntry' });

export function auditObject({ id, at, actor, action, target, orgId, change }: AuditEntry): z.input<typeof auditSchema> {
  const by = { key: actor.keyId, user: actor.userId, org: actor.orgId };
  const entry = { object: 'audit_entry', id, at: secondsOf(at), actor: by } as const;
  return { ...entry, action, target, org: orgId, change: changeObject(change) };
}

/** The fields by their names and units in this API. */
function changeObject(change: AuditEntry['change']): Record<string, unknown> {
  const fields = Object.entries(change).map(([name, value]) => {
    const isMoment = name.endsWith('At') && typeof value === 'number';
    return [snakeCase(name), isMoment ? secondsOf(value) : value];
  });
  return Object.fromEntries(fields) as Record<string, unknown>;
}

export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
