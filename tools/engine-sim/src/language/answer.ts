import { bestQuote, findPassages } from './passages.ts';
import { recall } from './recall.ts';
import { hash32 } from './tokenizer.ts';
import { isStopWord } from './words.ts';

/** A message of the conversation, its parts joined to one text. */
export interface Message {
  role: string;
  text: string;
  /** Role `tool`: the tool it comes from. */
  tool?: string;
}

/** The last thing the user said. */
export function questionOf(messages: readonly Message[]): string {
  return messages.findLast(({ role }) => role === 'user')?.text ?? messages.at(-1)?.text ?? '';
}

/**
 * What the simulator says: deterministic by seed and conversation. In this order: what a tool answered, what was to be
 * repeated or counted, what the user said earlier, the best of the passages in the prompt, else a plain word on what it is.
 */
export function answer(messages: readonly Message[], seed: number): string {
  const last = messages.at(-1);
  if (last?.role === 'tool') return `${last.tool ?? 'The tool'} answered: ${last.text}`;
  const question = questionOf(messages);
  const told = command(question);
  if (told !== undefined) return told;
  const users = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
  const remembered = recall(question, users.slice(0, -1));
  const passages = messages.flatMap(({ role, text }) =>
    role === 'system' || role === 'developer' ? findPassages(text) : [],
  );
  if (remembered !== undefined && (passages.length === 0 || !remembered.startsWith('You have not'))) return remembered;
  if (passages.length === 0) return smallTalk(question, seed);
  const found = bestQuote(question, passages);
  if (!found) return 'The passages do not hold an answer to that.';
  const { passage, quote } = found;
  return `According to ${passage.filename}: "${quote}" [${passage.number}]`;
}

/** The longest "count to" that is followed. */
const maxCount = 10_000;

/** Things it can be told to do, so that tests and curious people choose what comes out. */
function command(question: string): string | undefined {
  const repeat = /^\s*(?:please )?(?:repeat|echo|say)(?: exactly| after me| this| the following)*\s*:?\s+(.+)$/is.exec(
    question,
  );
  if (repeat) return repeat[1]!.trim().replace(/^"(.*)"$/s, '$1');
  const count = /\bcount (?:from 1 )?(?:up )?to (\d{1,9})\b/i.exec(question);
  if (!count) return undefined;
  return Array.from({ length: Math.min(maxCount, Number(count[1])) }, (_, i) => i + 1).join(', ');
}

/** At most this many words of the question are named as its topic. */
const topicWords = 6;

function smallTalk(question: string, seed: number): string {
  const content = question.match(/[\p{L}\p{N}'-]+/gu)?.filter((word) => !isStopWord(word.toLowerCase())) ?? [];
  const topic = content.slice(0, topicWords).join(' ') || 'that';
  const openings = [
    `You asked about ${topic}.`,
    `A question about ${topic}: noted.`,
    `On ${topic}, a real model would have more to say.`,
  ];
  const opening = openings[hash32(`${seed} ${question}`) % openings.length]!;
  return `${opening} I am Flotilla's engine simulator and run no model, so my words are canned. Point Flotilla at vLLM, Ollama or OpenRouter for real answers, or give me documents and I will quote them.`;
}
