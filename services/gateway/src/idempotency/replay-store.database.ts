import type { Queryable } from '@flotilla/database';
import type { Answer } from './answer.ts';
import type { Held, ReplayStore, Slot } from './replay-store.ts';

export interface DatabaseReplayOptions {
  database: Queryable;
  /** Who we are among the gateways. */
  owner: string;
  /** Milliseconds a claim holds unless it is renewed. */
  leaseMs: number;
  /** Milliseconds an answer is kept. */
  ttlMs: number;
}

interface Row {
  state: 'running' | 'done';
  digest: string;
  status: number;
  headers: string[];
  body: Uint8Array;
}

/** Times are the database's: the clocks of gateways may differ. */
const later = (parameter: string) => `now() + ${parameter} * interval '1 millisecond'`;

const claimSql = `
  INSERT INTO gateway.idempotency AS held (org_id, key, digest, state, owner, lease_until, expires_at)
  VALUES ($1, $2, $3, 'running', $4, ${later('$5::float8')}, ${later('$6::float8')})
  ON CONFLICT (org_id, key) DO UPDATE
    SET digest = $3, state = 'running', owner = $4, lease_until = ${later('$5::float8')}, expires_at = ${later('$6::float8')},
        status = NULL, headers = NULL, body = NULL
    WHERE held.expires_at <= now()
      OR (held.state = 'running' AND held.lease_until <= now() AND held.digest = $3)
  RETURNING org_id`;

/** Rows removed at once: a delete that goes on for long holds up others. */
const sweepSize = 1_000;

/** In the gateway's own schema. */
export function databaseReplayStore({ database, owner, leaseMs, ttlMs }: DatabaseReplayOptions): ReplayStore {
  const look = async ({ orgId, name }: Slot): Promise<Held | undefined> => {
    const [row] = await database.query<Row>(
      'SELECT state, digest, status, headers, body FROM gateway.idempotency WHERE org_id = $1 AND key = $2',
      [orgId, name],
    );
    if (!row) return undefined;
    const { state, digest, status, headers, body } = row;
    return state === 'running' ? { state, digest } : { state, digest, answer: { status, headers, body } };
  };
  return {
    async claim(slot) {
      for (;;) {
        const { orgId, name, digest } = slot;
        const claimed = await database.query(claimSql, [orgId, name, digest, owner, leaseMs, ttlMs]);
        if (claimed.length > 0) return { state: 'claimed' };
        // Nothing there: it was given up in between.
        const held = await look(slot);
        if (held) return held;
      }
    },
    async finish({ orgId, name }, answer: Answer | undefined) {
      const ours = `org_id = $1 AND key = $2 AND owner = $3 AND state = 'running'`;
      if (!answer) {
        await database.query(`DELETE FROM gateway.idempotency WHERE ${ours}`, [orgId, name, owner]);
        return;
      }
      await database.query(
        `UPDATE gateway.idempotency SET state = 'done', status = $4, headers = $5::jsonb, body = $6 WHERE ${ours}`,
        [orgId, name, owner, answer.status, JSON.stringify(answer.headers), answer.body],
      );
    },
    async renew() {
      await database.query(
        `UPDATE gateway.idempotency SET lease_until = ${later('$2::float8')} WHERE owner = $1 AND state = 'running'`,
        [owner, leaseMs],
      );
    },
    async sweep() {
      await database.query(
        `DELETE FROM gateway.idempotency WHERE (org_id, key) IN
           (SELECT org_id, key FROM gateway.idempotency WHERE expires_at <= now() LIMIT ${sweepSize})`,
        [],
      );
    },
  };
}
