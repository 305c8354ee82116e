import type { Queryable } from '@flotilla/database';
import { freshEvents, parseEvents } from './outbox-events.ts';
import type { OutboxStore } from './turn-store.ts';

// Replicas that look at the same time take different rows; those of one that died are free again when its claim ends.
const CLAIM = `
with free as (
  select id from orchestrator.outbox where claimed_until is null or claimed_until < now()
  order by id limit $1 for update skip locked
)
update orchestrator.outbox as o set claimed_until = now() + $2 * interval '1 millisecond'
from free where o.id = free.id
returning o.id::text, o.events, o.fresh`;
const REMOVE = 'delete from orchestrator.outbox where id = any($1::text[]::bigint[])';
const RELEASE = 'update orchestrator.outbox set claimed_until = null where id = any($1::text[]::bigint[])';

export function postgresOutboxStore(database: Queryable): OutboxStore {
  return {
    async claim(limit, claimMs) {
      const rows = await database.query<{ id: string; events: string; fresh: string[] | null }>(CLAIM, [
        limit,
        claimMs,
      ]);
      return (
        rows
          .map(({ id, events, fresh }) => ({ id, events: freshEvents(parseEvents(events), fresh) }))
          // `update … returning` has no order of its own.
          .sort((a, b) => Number(a.id) - Number(b.id))
      );
    },
    async remove(ids) {
      await database.query(REMOVE, [ids]);
    },
    async release(ids) {
      await database.query(RELEASE, [ids]);
    },
  };
}
