import type { CacheConfig } from '@flotilla/kernel';
import type { router } from '@flotilla/contracts';
import { parseObject } from './canonical-json.ts';

/**
 * The text that may be compared by its meaning. Undefined where an answer to a like question would not do: the last message
 * is not a plain question of a user, the conversation is remembered, tools may be called, several choices are asked for.
 */
export function questionOf(request: router.GenerateRequest, { semantic }: CacheConfig): string | undefined {
  const last = request.messages.at(-1);
  if (last?.role !== 'user' || request.conversationId !== '') return undefined;
  const { content } = last;
  if (content.trim() === '' || content.length > semantic.max_question_chars) return undefined;
  if (last.partsJson !== '' && !isText(last.partsJson)) return undefined;
  const { n, tools, functions } = parseObject(request.parametersJson) ?? {};
  if ((typeof n === 'number' && n > 1) || tools !== undefined || functions !== undefined) return undefined;
  return content;
}

function isText(partsJson: string): boolean {
  try {
    const parts: unknown = JSON.parse(partsJson);
    return Array.isArray(parts) && parts.every((part) => part?.type === 'text');
  } catch {
    return false;
  }
}
