import { events } from '@flotilla/contracts';
import type { Queryable } from '@flotilla/database';
import type { OutboxRow, OutboxStore } from './turn-store.ts';

export interface StoredOutboxRow {
  id: string;
  topic: string;
  event_id: string;
  payload: unknown;
}

export function outboxRow({ id, topic, event_id: eventId, payload }: StoredOutboxRow): OutboxRow {
  const value = (typeof payload === 'string' ? JSON.parse(payload) : payload) as object;
  return topic === 'turn.saved'
    ? { id, topic, eventId, payload: events.TurnSaved.fromPartial(value) }
    : { id, topic: 'usage.recorded', eventId, payload: events.UsageRecorded.fromPartial(value) };
}

// Replicas that look at the same time take different rows; those of one that died are free again when its claim ends.
const CLAIM = `
with free as (
  select id from orchestrator.outbox where claimed_until is null or claimed_until < now()
  order by id limit $1 for update skip locked
)
update orchestrator.outbox as o set claimed_until = now() + $2 * interval '1 millisecond'
from free where o.id = free.id
returning o.id::text, o.topic, o.event_id, o.payload`;

export function postgresOutboxStore(database: Queryable): OutboxStore {
  return {
    async claim(limit, claimMs) {
      const rows = await database.query<StoredOutboxRow>(CLAIM, [limit, claimMs]);
      // `update … returning` has no order of its own.
      return rows.map(outboxRow).sort((a, b) => Number(a.id) - Number(b.id));
    },
    async remove(ids) {
      await database.query('delete from orchestrator.outbox where id = any($1::text[]::bigint[])', [ids]);
    },
    async release(ids) {
      await database.query('update orchestrator.outbox set claimed_until = null where id = any($1::text[]::bigint[])', [
        ids,
      ]);
    },
  };
}
