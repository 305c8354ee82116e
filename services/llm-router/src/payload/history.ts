import type { chat } from '@flotilla/contracts';
import { holdsImages, withoutImages } from './parts.ts';
import { fromTurn, lastTurn, turnNumbers } from './turns.ts';

/** A model's reasoning at the beginning of an answer that was kept as text. */
const thought = /^\s*<think>[\s\S]*?<\/think>\s*/;

/** Images of the current turn and of the `keep` turns with images before it stay; how many others were removed. */
export function recentImages(
  messages: readonly chat.Message[],
  keep: number,
): { messages: readonly chat.Message[]; removed: number } {
  const turns = turnNumbers(messages);
  const current = lastTurn(turns);
  const earlier = new Set(turns.filter((turn, index) => turn < current && holdsImages(messages[index]!)));
  const kept = new Set([current, ...[...earlier].sort((a, b) => b - a).slice(0, keep)]);
  if (earlier.size <= keep) return { messages, removed: 0 };
  return withoutImages(messages, 'only those of the last turns are kept', (index) => kept.has(turns[index]!));
}

/** The current turn, the `keep` turns before it and the system messages; how many turns were left out. */
export function recentTurns(
  messages: readonly chat.Message[],
  keep: number,
): { messages: readonly chat.Message[]; removed: number } {
  const turns = turnNumbers(messages);
  const first = lastTurn(turns) - keep;
  return first <= 0 ? { messages, removed: 0 } : { messages: fromTurn(messages, turns, first), removed: first };
}

/** Without what the model thought in earlier turns. Within the current one, between calls of tools, it goes on with its thoughts. */
export function withoutThoughts(messages: readonly chat.Message[]): readonly chat.Message[] {
  if (!messages.some(isThoughtful)) return messages;
  const turns = turnNumbers(messages);
  const current = lastTurn(turns);
  return messages.map((message, index) =>
    isThoughtful(message) && turns[index]! < current
      ? { ...message, content: message.content.replace(thought, '') }
      : message,
  );
}

function isThoughtful({ role, content, partsJson }: chat.Message): boolean {
  return role === 'assistant' && partsJson === '' && thought.test(content);
}
