import { chat, orchestrator, type common } from '@flotilla/contracts';
import type { Queryable } from '@flotilla/database';
import type { History } from './history.ts';
import { outboxRow, type StoredOutboxRow } from './outbox-store.postgres.ts';
import { storableJson } from './storable-json.ts';
import type { TurnRow } from './turn-record.ts';
import type { OutboxRow, TurnStore } from './turn-store.ts';

/**
 * One statement for a whole group: usage decides what is new, and only that gets a turn and events. Written in the order of the
 * group; of two rows with one request id the first counts.
 */
const WRITE = `
with input as materialized (
  select distinct on (org_id, request_id) *
  from jsonb_to_recordset($1::jsonb) as r(
    place int, org_id text, request_id text, user_id text, key_id text, tier text, model text, provider text,
    prompt_tokens int, completion_tokens int, cached_tokens int, estimated boolean, outcome text, safety text,
    at float8, event jsonb, turn_id text, conversation_id text, messages jsonb, system jsonb, citations jsonb, turn_event jsonb)
  order by org_id, request_id, place
), used as (
  insert into orchestrator.usage (org_id, request_id, user_id, key_id, tier, model, provider, prompt_tokens, completion_tokens,
    cached_tokens, estimated, outcome, safety, created_at)
  select org_id, request_id, user_id, key_id, tier, model, provider, prompt_tokens, completion_tokens, cached_tokens, estimated,
    outcome, safety, to_timestamp(at / 1000)
  from input order by place
  on conflict do nothing
  returning org_id, request_id
), fresh as (
  select input.* from input join used using (org_id, request_id)
), talked as (
  insert into orchestrator.conversations as c (org_id, id, system_messages, created_at, updated_at)
  select org_id, conversation_id, (array_agg(system order by place desc) filter (where system is not null))[1],
    to_timestamp(min(at) / 1000), to_timestamp(max(at) / 1000)
  from fresh where turn_id is not null group by org_id, conversation_id order by org_id, conversation_id
  on conflict (org_id, id) do update set
    system_messages = coalesce(excluded.system_messages, c.system_messages),
    updated_at = greatest(excluded.updated_at, c.updated_at)
), saved as (
  insert into orchestrator.turns (id, org_id, conversation_id, request_id, messages, citations, model, provider, outcome,
    prompt_tokens, completion_tokens, cached_tokens, estimated, created_at)
  select turn_id, org_id, conversation_id, request_id, messages, citations, model, provider, outcome, prompt_tokens,
    completion_tokens, cached_tokens, estimated, to_timestamp(at / 1000)
  from fresh where turn_id is not null order by place
  on conflict do nothing
)
insert into orchestrator.outbox (topic, event_id, payload, claimed_until)
select topic, event_id, payload, now() + $2 * interval '1 millisecond' from (
  select place, 0 as part, 'usage.recorded' as topic, request_id as event_id, event as payload from fresh
  union all
  select place, 1, 'turn.saved', turn_id, turn_event from fresh where turn_id is not null
) as facts order by place, part
returning id::text, topic, event_id, payload`;

const HISTORY = `
select system_messages as system, array(
  select messages from orchestrator.turns
  where org_id = $1 and conversation_id = $2 order by number desc limit $3
) as turns
from orchestrator.conversations where org_id = $1 and id = $2`;

const CONVERSATION = `
select id, request_id, messages, model, citations, prompt_tokens, completion_tokens, cached_tokens, estimated,
  extract(epoch from created_at)::float8 * 1000 as created_at
from orchestrator.turns where org_id = $1 and conversation_id = $2 order by number desc limit 1000`;

function inputOf(row: TurnRow, place: number): object {
  const { caller, usage, turn, model, provider, outcome, safety, at } = row;
  return {
    ...{ place, org_id: caller.orgId, request_id: caller.requestId, user_id: caller.userId, key_id: caller.keyId },
    ...{ tier: caller.tier, model, provider, outcome, safety, at },
    ...{
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      cached_tokens: usage.cachedTokens,
    },
    estimated: usage.estimated,
    event: { caller, model, provider, usage, outcome, at },
    ...(turn && {
      ...{
        turn_id: turn.turnId,
        conversation_id: turn.conversationId,
        messages: turn.messages,
        citations: turn.citations,
      },
      system: turn.system.length > 0 ? turn.system : null,
      turn_event: { caller, conversationId: turn.conversationId, turnId: turn.turnId, at },
    }),
  };
}

const parsed = <T>(json: unknown): T => (typeof json === 'string' ? JSON.parse(json) : json) as T;
const messagesOf = (json: unknown) => parsed<object[]>(json).map((message) => chat.Message.fromPartial(message));

interface StoredTurn {
  id: string;
  request_id: string;
  messages: unknown;
  model: string;
  citations: unknown;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  estimated: boolean;
  created_at: number;
}

const turnOf = (row: StoredTurn): orchestrator.Turn => ({
  ...{ turnId: row.id, requestId: row.request_id, messages: messagesOf(row.messages), model: row.model },
  usage: {
    ...{ promptTokens: row.prompt_tokens, completionTokens: row.completion_tokens, cachedTokens: row.cached_tokens },
    estimated: row.estimated,
  } satisfies common.Usage,
  citations: parsed<object[]>(row.citations).map((citation) => chat.Citation.fromPartial(citation)),
  createdAt: row.created_at,
});

export function postgresTurnStore(database: Queryable): TurnStore {
  return {
    async write(rows, claimMs): Promise<readonly OutboxRow[]> {
      const stored = await database.query<StoredOutboxRow>(WRITE, [storableJson(rows.map(inputOf)), claimMs]);
      return stored.map(outboxRow);
    },
    async history(orgId, conversationId, turns): Promise<History> {
      const [found] = await database.query<{ system: unknown; turns: unknown[] }>(HISTORY, [
        orgId,
        conversationId,
        turns,
      ]);
      if (!found) return { system: [], turns: [] };
      return {
        system: found.system === null ? [] : messagesOf(found.system),
        turns: found.turns.map(messagesOf).reverse(),
      };
    },
    async conversation(orgId, conversationId) {
      const rows = await database.query<StoredTurn>(CONVERSATION, [orgId, conversationId]);
      if (rows.length === 0) return undefined;
      return { conversationId, turns: rows.map(turnOf).reverse() };
    },
  };
}
