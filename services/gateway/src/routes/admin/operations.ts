import { auditOperations } from './audit.ts';
import { keyOperations } from './keys.ts';
import type { Operation } from './operation.ts';
import { orgOperations } from './orgs.ts';
import { registryOperations } from './registry.ts';
import { ruleOperations } from './rules.ts';
import { tierOperations } from './tiers.ts';
import { usageOperations } from './usage.ts';
import { userOperations } from './users.ts';

/** The admin API: every route that `/admin/api/openapi.json` tells of. */
export const adminOperations: readonly Operation[] = [
  ...orgOperations,
  ...userOperations,
  ...keyOperations,
  ...ruleOperations,
  ...usageOperations,
  ...auditOperations,
  ...tierOperations,
  ...registryOperations,
];
