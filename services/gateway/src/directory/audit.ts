import type { Queryable } from '@flotilla/database';
import type { Clock, Random } from '@flotilla/kernel';
import type { Actor, AuditEntry } from './records.ts';

export type Deed = Pick<AuditEntry, 'action' | 'target' | 'orgId' | 'change'>;

interface AuditRow {
  id: string;
  at: Date;
  actor_key_id: string;
  actor_user_id: string;
  actor_org_id: string;
  action: string;
  target_kind: AuditEntry['target']['kind'];
  target_id: string;
  org_id: string;
  change: Record<string, unknown>;
}

/** Notes who did what; called in the transaction that does it. Ids grow with time, so they are the order of the log. */
export async function appendAudit(
  tx: Queryable,
  actor: Actor,
  { action, target, orgId, change }: Deed,
  { clock, random }: { clock: Clock; random: Random },
): Promise<void> {
  await tx.query(
    `INSERT INTO gateway.audit_log
       (id, at, actor_key_id, actor_user_id, actor_org_id, action, target_kind, target_id, org_id, change)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[random.id('aud_'), new Date(clock.now()), actor.keyId, actor.userId, actor.orgId],
      ...[action, target.kind, target.id, orgId, JSON.stringify(change)],
    ],
  );
}

/** The newest first. `orgId` undefined: those of all. */
export async function readAudit(
  database: Queryable,
  orgId: string | undefined,
  limit: number,
  after: string | undefined,
): Promise<AuditEntry[]> {
  const rows = await database.query<AuditRow>(
    `SELECT * FROM gateway.audit_log
     WHERE ($1::text IS NULL OR org_id = $1) AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [orgId ?? null, after ?? null, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    at: row.at.getTime(),
    actor: { keyId: row.actor_key_id, userId: row.actor_user_id, orgId: row.actor_org_id },
    action: row.action,
    target: { kind: row.target_kind, id: row.target_id },
    orgId: row.org_id,
    change: row.change,
  }));
}
