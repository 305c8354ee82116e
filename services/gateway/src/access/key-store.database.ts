import type { Queryable } from '@flotilla/database';
import type { KeyRecord, KeyStore, NewKey } from './key-store.ts';

interface KeyRow {
  id: string;
  org_id: string;
  user_id: string | null;
  tier: string;
  expires_at: number | null;
  revoked_at: number | null;
}

const milliseconds = (column: string) => `(extract(epoch from ${column}) * 1000)::float8 AS ${column}`;

const findSql = `
  SELECT id, org_id, user_id, tier, ${milliseconds('expires_at')}, ${milliseconds('revoked_at')}
  FROM gateway.api_keys WHERE hash = $1`;

/** Keys in the gateway's own schema. */
export function databaseKeyStore(database: Queryable): KeyStore {
  return {
    async find(hash): Promise<KeyRecord | undefined> {
      const [row] = await database.query<KeyRow>(findSql, [hash]);
      return (
        row && {
          id: row.id,
          orgId: row.org_id,
          userId: row.user_id ?? '',
          tier: row.tier,
          expiresAt: row.expires_at ?? undefined,
          revokedAt: row.revoked_at ?? undefined,
        }
      );
    },
    async put(key: NewKey) {
      await database.query(`INSERT INTO gateway.organisations (id, name) VALUES ($1, $1) ON CONFLICT (id) DO NOTHING`, [
        key.orgId,
      ]);
      await database.query(
        `INSERT INTO gateway.api_keys (id, org_id, hash, prefix, name, tier) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET org_id = $2, hash = $3, prefix = $4, name = $5, tier = $6,
           expires_at = NULL, revoked_at = NULL`,
        [key.id, key.orgId, key.hash, key.prefix, key.name, key.tier],
      );
    },
  };
}
