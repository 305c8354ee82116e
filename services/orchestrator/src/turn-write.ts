import { eventsOf } from './outbox-events.ts';
import { storableJson, storableText } from './storable-json.ts';
import type { SavedTurn, TurnRow } from './turn-record.ts';
import type { OutboxEvent } from './turn-store.ts';

/** One statement with its parameters, and the events it puts into the outbox. */
export interface TurnWrite {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly events: readonly OutboxEvent[];
}

const USAGE_COLUMNS =
  'org_id, request_id, user_id, key_id, tier, model, provider, prompt_tokens, completion_tokens, cached_tokens, estimated, outcome, safety, cost_micros, reserved_tokens, lease_id, operation';

/** Usage decides what is new: a call that was written before changes nothing. */
const USED = `
used as (
  insert into orchestrator.usage (${USAGE_COLUMNS}, created_at)
  select ${USAGE_COLUMNS}, to_timestamp(at / 1000)
  from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::int[],
    $13::int[], $14::boolean[], $15::text[], $16::text[], $17::float8[], $18::bigint[], $19::text[], $20::text[], $21::float8[]) as r(${USAGE_COLUMNS}, at)
  on conflict do nothing
  returning org_id, request_id
)`;

const OUTBOX = `
insert into orchestrator.outbox (events, fresh, claimed_until)
select $1::text, case when count(*) < $2::int then array_agg(org_id || chr(10) || request_id) end,
  now() + $3::float8 * interval '1 millisecond'
from used having count(*) > 0
returning id::text, fresh`;

/** Conversations in one order, so that two groups at once never wait for each other in a circle. */
const TURNS = `
fresh as materialized (
  select t.* from unnest($22::text[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[], $29::float8[])
    with ordinality as t(org_id, request_id, turn_id, conversation_id, messages, system, citations, at, place)
  join used using (org_id, request_id)
), talked as (
  insert into orchestrator.conversations as c (org_id, id, system_messages, created_at, updated_at)
  select org_id, conversation_id, (array_agg(system order by place desc) filter (where system is not null))[1]::jsonb,
    to_timestamp(min(at) / 1000), to_timestamp(max(at) / 1000)
  from fresh group by org_id, conversation_id order by org_id, conversation_id
  on conflict (org_id, id) do update set
    system_messages = coalesce(excluded.system_messages, c.system_messages),
    updated_at = greatest(excluded.updated_at, c.updated_at)
), saved as (
  insert into orchestrator.turns (id, org_id, conversation_id, request_id, messages, citations, created_at)
  select turn_id, org_id, conversation_id, request_id, messages::jsonb, citations::jsonb, to_timestamp(at / 1000)
  from fresh order by place
  on conflict do nothing
)`;

const WRITE_USAGE = `with ${USED} ${OUTBOX}`;
const WRITE_TURNS = `with ${USED}, ${TURNS} ${OUTBOX}`;

type Saved = TurnRow & { readonly turn: SavedTurn };

const columns = <Row>(rows: readonly Row[], ...of: ((row: Row) => unknown)[]): unknown[][] =>
  of.map((value) => rows.map(value));

function usageColumns(rows: readonly TurnRow[]): unknown[][] {
  return columns(
    rows,
    ({ caller }) => storableText(caller.orgId),
    ({ caller }) => storableText(caller.requestId),
    ({ caller }) => storableText(caller.userId),
    ({ caller }) => storableText(caller.keyId),
    ({ caller }) => storableText(caller.tier),
    ({ model }) => storableText(model),
    ({ provider }) => storableText(provider),
    ({ usage }) => usage.promptTokens,
    ({ usage }) => usage.completionTokens,
    ({ usage }) => usage.cachedTokens,
    ({ usage }) => usage.estimated,
    ({ outcome }) => outcome,
    ({ safety }) => safety,
    ({ costMicros }) => costMicros,
    ({ reservedTokens }) => reservedTokens,
    ({ leaseId }) => storableText(leaseId),
    ({ operation }) => operation,
    ({ at }) => at,
  );
}

function turnColumns(rows: readonly Saved[]): unknown[][] {
  return columns(
    rows,
    ({ caller }) => storableText(caller.orgId),
    ({ caller }) => storableText(caller.requestId),
    ({ turn }) => turn.turnId,
    ({ turn }) => storableText(turn.conversationId),
    ({ turn }) => storableJson(turn.messages),
    ({ turn }) => (turn.system.length > 0 ? storableJson(turn.system) : null),
    ({ turn }) => storableJson(turn.citations),
    ({ at }) => at,
  );
}

/**
 * Writes a group of calls in one statement: by far the cheapest in PGlite, where a statement costs more than a row, and a JSON parameter
 * more than arrays. Groups without turns, most of them, take the shorter one.
 */
export function turnWrite(rows: readonly TurnRow[], claimMs: number): TurnWrite {
  const events = eventsOf(rows);
  const saved = rows.filter((row): row is Saved => row.turn !== undefined);
  const parameters = [JSON.stringify(events), rows.length, claimMs, ...usageColumns(rows)];
  if (saved.length === 0) return { sql: WRITE_USAGE, parameters, events };
  return { sql: WRITE_TURNS, parameters: [...parameters, ...turnColumns(saved)], events };
}
