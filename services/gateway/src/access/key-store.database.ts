import type { Queryable } from '@flotilla/database';
import { tierSchema, type LimitSet } from '@flotilla/kernel';
import type { Scope } from './identity.ts';
import type { KeyRecord, KeyStore, Member } from './key-store.ts';

interface MemberRow {
  org_id: string;
  tier: string;
  org_limits: LimitSet;
  user_limits: LimitSet | null;
  org_disabled: boolean;
  user_disabled: boolean;
}

interface KeyRow extends MemberRow {
  id: string;
  user_id: string | null;
  scopes: Scope[];
  models: string[] | null;
  limits: LimitSet;
  require_signature: boolean;
  expires_at: Date | null;
  revoked_at: Date | null;
}

const memberColumns = `o.limits AS org_limits, u.limits AS user_limits,
  o.disabled_at IS NOT NULL AS org_disabled, u.disabled_at IS NOT NULL AS user_disabled`;

const keySql = (column: 'hash' | 'id') => `
  SELECT k.id, k.org_id, k.user_id, coalesce(k.tier, o.tier) AS tier, k.scopes, k.models, k.limits, k.require_signature,
    k.expires_at, k.revoked_at, ${memberColumns}
  FROM gateway.api_keys k JOIN gateway.organisations o ON o.id = k.org_id
    LEFT JOIN gateway.users u ON u.org_id = k.org_id AND u.id = k.user_id
  WHERE k.${column} = $1`;
const byHash = keySql('hash');
const byId = keySql('id');

const memberSql = `
  SELECT o.id AS org_id, o.tier, ${memberColumns}
  FROM gateway.organisations o LEFT JOIN gateway.users u ON u.org_id = o.id AND u.id = $2
  WHERE o.id = $1`;

/** Keys in the gateway's own schema. */
export function databaseKeyStore(database: Queryable): KeyStore {
  const key = async (sql: string, value: string) => {
    const [row] = await database.query<KeyRow>(sql, [value]);
    return row && keyOf(row);
  };
  return {
    find: (hash) => key(byHash, hash),
    findById: (id) => key(byId, id),
    async findMember(orgId, userId) {
      const [row] = await database.query<MemberRow>(memberSql, [orgId, userId]);
      return row && memberOf(row, userId);
    },
    async tiers() {
      const rows = await database.query<{ name: string; definition: unknown }>('SELECT * FROM gateway.tiers', []);
      return new Map(rows.map(({ name, definition }) => [name, tierSchema.parse(definition)]));
    },
    async put({ id, orgId, hash, prefix, name, tier, scopes }) {
      await database.query(
        'INSERT INTO gateway.organisations (id, name, tier) VALUES ($1, $1, $2) ON CONFLICT (id) DO NOTHING',
        [orgId, tier],
      );
      await database.query(
        `INSERT INTO gateway.api_keys (id, org_id, hash, prefix, name, tier, scopes) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET org_id = $2, hash = $3, prefix = $4, name = $5, tier = $6, scopes = $7,
           expires_at = NULL, revoked_at = NULL`,
        [id, orgId, hash, prefix, name, tier, scopes],
      );
    },
    async noteUse(keyIds) {
      await database.query('UPDATE gateway.api_keys SET last_used_at = now() WHERE id = ANY($1)', [keyIds]);
    },
  };
}

function memberOf(row: MemberRow, userId: string): Member {
  return {
    ...{ orgId: row.org_id, userId, tier: row.tier, orgLimits: row.org_limits, userLimits: row.user_limits ?? {} },
    disabled: row.org_disabled ? 'organisation' : row.user_disabled ? 'user' : undefined,
  };
}

function keyOf(row: KeyRow): KeyRecord {
  return {
    ...memberOf(row, row.user_id ?? ''),
    id: row.id,
    scopes: new Set(row.scopes),
    models: row.models ?? undefined,
    keyLimits: row.limits,
    requireSignature: row.require_signature,
    expiresAt: row.expires_at?.getTime(),
    revokedAt: row.revoked_at?.getTime(),
  };
}
