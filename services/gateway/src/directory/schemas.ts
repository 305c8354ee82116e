import { limitSetSchema, tierSchema } from '@flotilla/kernel';
import { z } from 'zod';
import { scopes } from '../access/identity.ts';
import { userIdPattern } from '../access/members.ts';

/** Ids that people may choose; `/` separates organisation and user in the limiter's names. */
const id = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/,
    'use up to 128 letters, digits and . _ @ -, beginning with one of the first two',
  );
const userId = z.string().regex(userIdPattern, 'use up to 128 printable ASCII characters without blanks');
const name = z.string().trim().min(1).max(200);
const tierName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'use up to 64 letters, digits and . _ -');
/** A model's name, or a prefix of names that ends with `*`. */
const modelName = z
  .string()
  .regex(/^[^\s*]{0,255}\*?$/, 'name a model, or a prefix that ends with *')
  .min(1);
/** Milliseconds since 1970. */
const moment = z.number().int().positive();

export const newOrgSchema = z.strictObject({
  /** Absent: one is made. */
  id: id.optional(),
  name,
  /** A tier of the database or of the platform's file. */
  tier: tierName.default('default'),
  /** In place of what the tier says of organisations. */
  limits: limitSetSchema.default({}),
});

export const orgChangeSchema = newOrgSchema
  .omit({ id: true })
  .extend({ tier: tierName, limits: limitSetSchema, disabled: z.boolean() })
  .partial();

export const newUserSchema = z.strictObject({
  /** Absent: one is made. For users who come with a JWT: its `sub`. */
  id: userId.optional(),
  name,
  /** In place of what the tier says of users. */
  limits: limitSetSchema.default({}),
});

export const userChangeSchema = z.strictObject({ name, limits: limitSetSchema, disabled: z.boolean() }).partial();

const keyFields = {
  name,
  scopes: z.array(z.enum(scopes)).min(1),
  /** Null: all models. */
  models: z.array(modelName).min(1).max(1_000).nullable(),
  /** In place of what the tier says of keys. */
  limits: limitSetSchema,
  /** Null: the organisation's. */
  tier: tierName.nullable(),
  /** Null: never. */
  expiresAt: moment.nullable(),
  /** True: the key is taken with a signed request only, never as a bearer. */
  requireSignature: z.boolean(),
};

export const newKeySchema = z.strictObject({
  ...keyFields,
  /** Null: the key belongs to the organisation itself. */
  userId: userId.nullable().default(null),
  scopes: keyFields.scopes.default(['inference', 'files', 'usage']),
  models: keyFields.models.default(null),
  limits: keyFields.limits.default({}),
  tier: keyFields.tier.default(null),
  expiresAt: keyFields.expiresAt.default(null),
  requireSignature: keyFields.requireSignature.default(false),
});

export const keyChangeSchema = z.strictObject(keyFields).partial();

export const rotationSchema = z.strictObject({
  /** Milliseconds the old key goes on working; at most 30 days. */
  overlapMs: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .default(86_400_000),
});

export const tierInputSchema = z.strictObject({ name: tierName, definition: tierSchema });

export const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  /** The `next` of the page before. */
  after: z.string().max(256).optional(),
});

export type NewOrg = z.input<typeof newOrgSchema>;
export type OrgChange = z.input<typeof orgChangeSchema>;
export type NewUser = z.input<typeof newUserSchema>;
export type UserChange = z.input<typeof userChangeSchema>;
export type NewKey = z.input<typeof newKeySchema>;
export type KeyChange = z.input<typeof keyChangeSchema>;
export type Rotation = z.input<typeof rotationSchema>;
export type TierInput = z.input<typeof tierInputSchema>;
export type PageQuery = z.input<typeof pageSchema>;
