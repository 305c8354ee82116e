import type { chat, orchestrator } from '@flotilla/contracts';

/** How a turn is answered. */
export type TurnPlan =
  | { readonly kind: 'direct' }
  | {
      readonly kind: 'retrieval';
      readonly query: string;
      readonly storeIds: readonly string[];
      readonly limit: number;
    };

/** Characters of the question that are searched for: the end of a long message holds the question more often than its start. */
const QUERY_MAX = 4_096;

export function planTurn({ retrieval, messages }: orchestrator.ChatRequest): TurnPlan {
  if (!retrieval) return { kind: 'direct' };
  const query = lastUserMessage(messages)?.content.slice(-QUERY_MAX).trim() ?? '';
  if (query === '') return { kind: 'direct' };
  return { kind: 'retrieval', query, storeIds: retrieval.storeIds, limit: retrieval.limit };
}

function lastUserMessage(messages: readonly chat.Message[]): chat.Message | undefined {
  return messages.findLast(({ role }) => role === 'user');
}
