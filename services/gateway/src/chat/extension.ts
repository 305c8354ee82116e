import { cacheUses, type ChatBody } from './chat-body.ts';
import { invalid, isObject, wrongType } from './invalid.ts';
import { checkObject, checkText, range } from './parameters.ts';

const passageCount = range(1, 20, true);
const conversationPattern = /^[A-Za-z0-9._:-]{1,128}$/;

/** The `flotilla` field of a body: what the platform does beyond the API that was asked. */
export function readExtension(value: unknown): Pick<ChatBody, 'conversationId' | 'retrieval' | 'cache'> {
  if (value === undefined || value === null) return { conversationId: '', retrieval: undefined };
  checkObject(value, 'flotilla');
  const { conversation_id: id, rag, cache } = value as { conversation_id?: unknown; rag?: unknown; cache?: unknown };
  return {
    conversationId: readConversationId(id, 'flotilla.conversation_id'),
    retrieval: readRetrieval(rag),
    ...readCache(cache),
  };
}

/** Empty: nothing is remembered. */
export function readConversationId(value: unknown, param: string): string {
  const id = value ?? '';
  checkText(id, param);
  if (id !== '' && !conversationPattern.test(id as string)) {
    throw invalid(param, `'${param}' must have 1 to 128 characters of A-Z a-z 0-9 . _ : -`);
  }
  return id as string;
}

function readCache(value: unknown): Pick<ChatBody, 'cache'> {
  if (value === undefined || value === null) return {};
  const cache = cacheUses.find((use) => use === value);
  if (!cache) throw invalid('flotilla.cache', `'flotilla.cache' must be one of ${cacheUses.join(', ')}.`);
  return { cache };
}

function readRetrieval(rag: unknown): ChatBody['retrieval'] {
  if (rag === undefined || rag === null || rag === false) return undefined;
  if (rag === true) return { storeIds: [], limit: 0 };
  if (!isObject(rag)) throw wrongType('flotilla.rag', 'a boolean or an object', rag);
  const storeIds = rag['store_ids'] ?? [];
  if (!Array.isArray(storeIds)) throw wrongType('flotilla.rag.store_ids', 'an array of strings', storeIds);
  if (storeIds.length > 100) throw invalid('flotilla.rag.store_ids', "'flotilla.rag.store_ids' holds more than 100.");
  for (const [index, id] of storeIds.entries()) checkText(id, `flotilla.rag.store_ids[${index}]`);
  const limit = rag['limit'];
  if (limit === undefined || limit === null) return { storeIds, limit: 0 };
  passageCount(limit, 'flotilla.rag.limit');
  return { storeIds, limit: limit as number };
}
