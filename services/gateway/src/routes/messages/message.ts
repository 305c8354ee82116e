import type { chat, common } from '@flotilla/contracts';
import type { Answer } from '../../chat/answer.ts';
import { extension } from '../../chat/chunks.ts';
import { isObject } from '../../chat/invalid.ts';

/** What the client asked for that says how its answer is written. */
export interface Wishes {
  /** Show what the model thought. */
  readonly thinking: boolean;
  readonly stopSequences: readonly string[];
}

export const messageId = (turnId: string): string => `msg_${turnId.slice(turnId.indexOf('-') + 1)}`;

/** How an answer ended. Only a stop sequence that the client asked for is one: engines and operators have others. */
export function ending({ finishReason, stopSequence }: Ended, { stopSequences }: Wishes): object {
  const matched = finishReason === 'stop' && stopSequences.includes(stopSequence);
  if (matched) return { stop_reason: 'stop_sequence', stop_sequence: stopSequence };
  return { stop_reason: stopReason(finishReason), stop_sequence: null };
}

export type Ended = Pick<chat.Choice, 'finishReason' | 'stopSequence'>;

export const notEnded: Ended = { finishReason: '', stopSequence: '' };

/** OpenAI's reasons by Anthropic's names. */
function stopReason(finishReason: string): string {
  switch (finishReason) {
    case 'length':
      return 'max_tokens';
    case 'tool_calls':
      return 'tool_use';
    case 'content_filter':
      return 'refusal';
    default:
      return 'end_turn';
  }
}

/** Anthropic counts what a cache served apart from the rest of the prompt. */
export function usageOf({ promptTokens, completionTokens, cachedTokens }: common.Usage): object {
  return {
    input_tokens: Math.max(0, promptTokens - cachedTokens),
    output_tokens: completionTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: 0,
  };
}

/** A whole answer as Anthropic's Message. */
export function messageObject(turnId: string, { choices, model, usage, extras }: Answer, wishes: Wishes): object {
  const choice = choices[0];
  const text = (choice?.content ?? '') + (choice?.refusal ?? '');
  const extra = extension(extras);
  return {
    ...{ id: messageId(turnId), type: 'message', role: 'assistant', model },
    content: [
      ...(wishes.thinking && choice?.reasoning
        ? [{ type: 'thinking', thinking: choice.reasoning, signature: '' }]
        : []),
      ...(text === '' ? [] : [{ type: 'text', text, citations: null }]),
      ...toolUses(choice?.toolCallsJson ?? ''),
    ],
    ...{ ...ending(choice ?? notEnded, wishes), usage: usageOf(usage) },
    ...(extra && { flotilla: extra }),
  };
}

/** A tool call as OpenAI's engines write it; in a stream a piece of one. */
export interface ToolCallPiece {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}

function toolUses(json: string): object[] {
  if (json === '') return [];
  return (JSON.parse(json) as ToolCallPiece[]).map(({ id, function: called }) => ({
    ...{ type: 'tool_use', id: id ?? '', name: called?.name ?? '', input: inputOf(called?.arguments) },
  }));
}

/** Models write arguments as text, and not always as an object: then the text itself is handed on. */
function inputOf(text = ''): object {
  if (text.trim() === '') return {};
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    // Told below, with what is JSON and no object.
  }
  return isObject(input) ? input : { arguments: text };
}
