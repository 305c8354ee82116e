import type { LimitSet } from '@flotilla/kernel';
import type { Scope } from '../access/identity.ts';
import type { Key, Org, User } from './records.ts';

export interface OrgRow {
  id: string;
  name: string;
  tier: string;
  limits: LimitSet;
  created_at: Date;
  disabled_at: Date | null;
}

export interface UserRow extends Omit<OrgRow, 'tier'> {
  org_id: string;
}

export interface KeyRow {
  id: string;
  org_id: string;
  user_id: string | null;
  name: string;
  prefix: string;
  scopes: Scope[];
  models: string[] | null;
  limits: LimitSet;
  tier: string | null;
  require_signature: boolean;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  replaced_by: string | null;
  rotated_at: Date | null;
  last_used_at: Date | null;
}

const time = (at: Date | null) => at?.getTime() ?? null;

export function orgOf({ id, name, tier, limits, created_at, disabled_at }: OrgRow): Org {
  return { id, name, tier, limits, createdAt: created_at.getTime(), disabledAt: time(disabled_at) };
}

export function userOf({ id, org_id, name, limits, created_at, disabled_at }: UserRow): User {
  return { id, orgId: org_id, name, limits, createdAt: created_at.getTime(), disabledAt: time(disabled_at) };
}

export function keyOf(row: KeyRow): Key {
  const { id, name, prefix, scopes, models, limits, tier } = row;
  return {
    ...{ id, orgId: row.org_id, userId: row.user_id, name, prefix, scopes, models, limits, tier },
    requireSignature: row.require_signature,
    createdAt: row.created_at.getTime(),
    expiresAt: time(row.expires_at),
    revokedAt: time(row.revoked_at),
    replacedBy: row.replaced_by,
    rotatedAt: time(row.rotated_at),
    lastUsedAt: time(row.last_used_at),
  };
}

/** One more row than asked for tells that there is a next page. */
export function pageOf<Row extends { id: string }, T>(rows: Row[], limit: number, map: (row: Row) => T) {
  const shown = rows.slice(0, limit);
  return { items: shown.map(map), next: rows.length > limit ? shown.at(-1)!.id : undefined };
}
