import type { chat } from '@flotilla/contracts';

const isSystem = ({ role }: chat.Message): boolean => role === 'system' || role === 'developer';

/**
 * Which turn each message belongs to, from 0; -1 for system messages. A turn begins with what the user says and holds all
 * that follows from it, so that no result of a tool stands without its call.
 */
export function turnNumbers(messages: readonly chat.Message[]): number[] {
  let turn = 0;
  let answered = false;
  return messages.map((message) => {
    if (isSystem(message)) return -1;
    const asks = message.role === 'user';
    if (asks && answered) turn += 1;
    answered = !asks;
    return turn;
  });
}

/** The last turn's number. */
export const lastTurn = (turns: readonly number[]): number => turns.reduce((last, turn) => Math.max(last, turn), 0);

/** The messages of the turns from `first` on, and all system messages. */
export function fromTurn(messages: readonly chat.Message[], turns: readonly number[], first: number): chat.Message[] {
  return messages.filter((_, index) => turns[index] === -1 || turns[index]! >= first);
}
