import type { chat, router } from '@flotilla/contracts';
import type { TaskKind } from '@flotilla/kernel';
import { neededBy, type FieldCapability } from '../payload/needs.ts';
import { holdsImages } from '../payload/parts.ts';
import { tokensOfText } from '../payload/token-estimate.ts';
import { parseParameters } from '../providers/parameters.ts';
import type { Classifier } from './classifier.ts';
import { languageOf } from './language.ts';

/** What a model must be able to do for a request, in the words of its capabilities. */
export type Need = 'vision' | 'audio' | FieldCapability;

/** What can be told of a request before a model is chosen. */
export interface Asked {
  readonly text: string;
  readonly task: TaskKind;
  /** Of the task, 0 to 1. */
  readonly probability: number;
  /** 0 easy to 1 hard. */
  readonly difficulty: number;
  /** Two letters; empty: unknown. */
  readonly language: string;
  readonly needs: readonly Need[];
  /** Of the whole prompt, estimated. */
  readonly promptTokens: number;
  /** The client's, or what answers to the task mostly have. */
  readonly answerTokens: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A message shorter than this is read with those before it: "yes" asks for what came before. */
const shortMessage = 80;
/** Characters of earlier messages that are read with it. */
const contextLength = 600;
/** Characters of the prompt whose tokens are counted; the rest counts in proportion. */
const countedLength = 8_000;

/** Tokens of answers, for the cost alone. */
const usualAnswer: Readonly<Record<TaskKind, number>> = {
  ...{ code: 600, math: 400, reasoning: 700, translation: 250, summarisation: 200 },
  ...{ extraction: 200, creative: 700, chat: 250, vision: 250, tools: 150 },
};

export function readAsked(request: router.GenerateRequest, classifier: Classifier): Asked {
  const { messages, parametersJson, maxTokens } = request;
  const text = textOf(messages);
  const fields = parseParameters(parametersJson);
  const needs = needsOf(messages, fields);
  const said = classifier.classify(text);
  const task = taskOf(said.task, needs);
  const usual = usualAnswer[task];
  return {
    ...{ text, task, needs, fields, language: languageOf(text), difficulty: said.difficulty },
    probability: task === said.task ? said.probability : 1,
    promptTokens: tokensOf(messages, parametersJson),
    answerTokens: maxTokens > 0 ? Math.min(maxTokens, usual) : usual,
  };
}

/** What is seen goes before what was read, and tools before small talk. */
function taskOf(said: TaskKind, needs: readonly Need[]): TaskKind {
  if (needs.includes('vision')) return 'vision';
  return said === 'chat' && needs.includes('tools') ? 'tools' : said;
}

function textOf(messages: readonly chat.Message[]): string {
  const said = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  let text = said.pop() ?? messages.at(-1)?.content ?? '';
  while (text.length < shortMessage && said.length > 0) {
    text = `${said.pop()!.slice(0, contextLength)}\n\n${text}`;
  }
  return text;
}

function needsOf(messages: readonly chat.Message[], fields: Readonly<Record<string, unknown>>): Need[] {
  const hears = messages.some(({ partsJson }) => partsJson.includes('"input_audio"'));
  return [
    ...(messages.some(holdsImages) ? ['vision' as const] : []),
    ...(hears ? ['audio' as const] : []),
    ...neededBy(fields),
  ];
}

function tokensOf(messages: readonly chat.Message[], parametersJson: string): number {
  let length = parametersJson.length;
  let sample = '';
  for (const { content, toolCallsJson } of messages) {
    length += content.length + toolCallsJson.length;
    if (sample.length < countedLength) sample += content.slice(0, countedLength - sample.length);
  }
  const rate = sample === '' ? 1 / 4 : tokensOfText(sample) / sample.length;
  return Math.ceil(length * rate);
}
