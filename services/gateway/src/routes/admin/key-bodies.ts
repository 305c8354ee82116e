import { z } from 'zod';
import { newKeySchema, type KeyChange, type NewKey } from '../../directory/schemas.ts';

const { name, userId, scopes, models, limits, tier } = newKeySchema.shape;

const longestOverlap = 30 * 86_400;

export const newKeyBody = z.strictObject({
  name,
  user: userId.describe('Null: the key belongs to the organisation itself.'),
  scopes: scopes.describe('What the key may do.'),
  models: models.describe('Names of models, or prefixes of names that end with `*`. Null: all models.'),
  limits: limits.describe('In place of what the tier says of keys.'),
  tier: tier.describe("Null: the organisation's."),
  expires_at: z.int().positive().nullable().default(null).describe('Seconds since 1970. Null: never.'),
  require_signature: z
    .boolean()
    .default(false)
    .describe('True: the key is taken with a signed request only, never as a bearer.'),
});

/** Without defaults: a field that is absent stays as it is. */
export const keyChangeBody = z
  .strictObject({
    name,
    scopes: scopes.unwrap(),
    models: models.unwrap(),
    limits: limits.unwrap(),
    tier: tier.unwrap(),
    expires_at: newKeyBody.shape.expires_at.unwrap(),
    require_signature: newKeyBody.shape.require_signature.unwrap(),
  })
  .partial();

export const rotationBody = z.strictObject({
  overlap_seconds: z.int().min(0).max(longestOverlap).default(86_400).describe('How long the old key goes on working.'),
});

export function newKeyOf(body: z.output<typeof newKeyBody>): NewKey {
  const { user, expires_at: expiresAt, require_signature: requireSignature, ...rest } = body;
  return { ...rest, userId: user, expiresAt: milliseconds(expiresAt), requireSignature };
}

export function keyChangeOf(body: z.output<typeof keyChangeBody>): KeyChange {
  const { expires_at: expiresAt, require_signature: requireSignature, ...rest } = body;
  return {
    ...rest,
    ...(expiresAt !== undefined && { expiresAt: milliseconds(expiresAt) }),
    ...(requireSignature !== undefined && { requireSignature }),
  };
}

const milliseconds = (seconds: number | null) => (seconds === null ? null : seconds * 1_000);
