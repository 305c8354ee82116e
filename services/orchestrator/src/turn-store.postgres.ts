import { chat, type orchestrator } from '@flotilla/contracts';
import type { Queryable } from '@flotilla/database';
import { freshEvents } from './outbox-events.ts';
import { turnWrite } from './turn-write.ts';
import type { TurnStore } from './turn-store.ts';

const HISTORY = `
select system_messages as system, array(
  select messages from orchestrator.turns
  where org_id = $1 and conversation_id = $2 order by number desc limit $3
) as turns
from orchestrator.conversations where org_id = $1 and id = $2`;

const CONVERSATION = `
select t.id, t.request_id, t.messages, t.citations, extract(epoch from t.created_at)::float8 * 1000 as created_at,
  u.model, u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.estimated
from orchestrator.turns as t join orchestrator.usage as u using (org_id, request_id)
where t.org_id = $1 and t.conversation_id = $2 order by t.number desc limit 1000`;

const parsed = <T>(json: unknown): T => (typeof json === 'string' ? JSON.parse(json) : json) as T;
const messagesOf = (json: unknown) => parsed<object[]>(json).map((message) => chat.Message.fromPartial(message));

interface StoredTurn {
  id: string;
  request_id: string;
  messages: unknown;
  citations: unknown;
  created_at: number;
  model: string;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  estimated: boolean;
}

const turnOf = (row: StoredTurn): orchestrator.Turn => ({
  ...{ turnId: row.id, requestId: row.request_id, messages: messagesOf(row.messages), model: row.model },
  usage: {
    ...{ promptTokens: row.prompt_tokens, completionTokens: row.completion_tokens },
    ...{ cachedTokens: row.cached_tokens, estimated: row.estimated },
  },
  citations: parsed<object[]>(row.citations).map((citation) => chat.Citation.fromPartial(citation)),
  createdAt: row.created_at,
});

/** Turns and usage in the PostgreSQL schema `orchestrator`. */
export function postgresTurnStore(database: Queryable): TurnStore {
  return {
    async write(rows, claimMs) {
      const { sql, parameters, events } = turnWrite(rows, claimMs);
      const [row] = await database.query<{ id: string; fresh: string[] | null }>(sql, parameters);
      return row && { id: row.id, events: freshEvents(events, row.fresh) };
    },
    async history(orgId, conversationId, turns) {
      const [found] = await database.query<{ system: unknown; turns: unknown[] }>(HISTORY, [
        ...[orgId, conversationId, turns],
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
