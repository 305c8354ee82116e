import { chat } from '@flotilla/contracts';

const INSTRUCTION =
  'Answer from the numbered passages below. Cite each passage you use by its number in square brackets, like [1]. ' +
  'If they do not hold the answer, say so.';

/** The system message that hands passages to the model. Engines and the simulator know this format: change it with them. */
export function passagesMessage(passages: readonly chat.Citation[]): chat.Message {
  const blocks = passages.map(({ number, filename, text }) => `[${number}] (${filename})\n${text}`);
  return chat.Message.fromPartial({ role: 'system', content: `${INSTRUCTION}\n\n${blocks.join('\n\n')}` });
}

/** The messages with the passages before the last user message. */
export function withPassages(messages: readonly chat.Message[], passages: readonly chat.Citation[]): chat.Message[] {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  return messages.toSpliced(Math.max(at, 0), 0, passagesMessage(passages));
}
