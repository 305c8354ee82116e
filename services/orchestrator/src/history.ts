import type { chat } from '@flotilla/contracts';

/** What is remembered of a conversation. */
export interface History {
  /** The system messages in force. */
  readonly system: readonly chat.Message[];
  /** The messages of the last turns, oldest turn first. */
  readonly turns: readonly (readonly chat.Message[])[];
}

export const isSystem = ({ role }: chat.Message): boolean => role === 'system' || role === 'developer';

const sizeOf = (messages: readonly chat.Message[]) =>
  messages.reduce(
    (sum, { content, partsJson, toolCallsJson }) => sum + content.length + partsJson.length + toolCallsJson.length,
    0,
  );

/**
 * The prompt of the next turn: system messages once at the front (new ones replace those remembered), then as many of the last turns
 * as fit, then what is new. Turns are left out whole, oldest first, so that no tool result stands without its call.
 */
export function withHistory(
  { system, turns }: History,
  messages: readonly chat.Message[],
  maxCharacters: number,
): chat.Message[] {
  const newSystem = messages.filter(isSystem);
  let room = maxCharacters;
  let first = turns.length;
  while (first > 0 && (room -= sizeOf(turns[first - 1]!)) >= 0) first -= 1;
  return [
    ...(newSystem.length > 0 ? newSystem : system),
    ...turns.slice(first).flatMap((turn) => turn.filter((message) => !isSystem(message))),
    ...messages.filter((message) => !isSystem(message)),
  ];
}
