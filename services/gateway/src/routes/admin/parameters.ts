import { z } from 'zod';
import { pageSchema } from '../../directory/schemas.ts';

const id = z.string().min(1).max(128);

export const none = z.strictObject({});
export const byOrg = z.strictObject({ org: id });
export const byUser = byOrg.extend({ user: id });
export const byKey = z.strictObject({ key: id });
export const byRule = byOrg.extend({ rule: id });
export const byTier = z.strictObject({ tier: id });

export const page = pageSchema.extend({
  limit: pageSchema.shape.limit.describe('Items of a page at most.'),
  after: pageSchema.shape.after.describe('The `last_id` of the page before.'),
});

/** Where an organisation may be named to look at one alone. */
export const orgFilter = { org: id.optional() };
