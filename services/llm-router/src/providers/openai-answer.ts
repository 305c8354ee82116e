import type { chat, common } from '@flotilla/contracts';
import { ChunkTemplate, type TextChunk } from './chunk-template.ts';
import { cutFailure, frameFailure, malformedFailure } from './engine-errors.ts';
import { engineJson } from './engine-json.ts';
import { furtherFields } from './further-fields.ts';
import type { AnswerDecoder, Redact } from './provider.ts';
import { SseParser } from './sse.ts';
import { ToolCalls, type ToolCallRow } from './tool-calls.ts';
import { WholeBody } from './whole-body.ts';

interface OpenAiPiece {
  role?: unknown;
  content?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  tool_calls?: unknown;
  refusal?: unknown;
}
interface OpenAiChoice {
  index?: number;
  delta?: OpenAiPiece | null;
  message?: OpenAiPiece | null;
  logprobs?: unknown;
  finish_reason?: string | null;
  /** vLLM's: the stop sequence, or the id of the token, that ended it. */
  stop_reason?: unknown;
}
interface OpenAiUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
}
interface OpenAiAnswer {
  choices?: OpenAiChoice[];
  usage?: OpenAiUsage | null;
  system_fingerprint?: string | null;
  error?: unknown;
}

/** What stands in a piece; see furtherFields. */
const known = new Set([
  ...['index', 'delta', 'message', 'logprobs', 'finish_reason'],
  ...['role', 'content', 'reasoning_content', 'reasoning', 'tool_calls', 'refusal'],
]);

/** `text/event-stream` of chat.completion.chunk. */
export class OpenAiStream implements AnswerDecoder {
  done = false;
  systemFingerprint = '';
  /** Of the whole answer, or of the prompt while it goes on. */
  #usage: common.Usage | undefined;
  /** Tokens of each choice so far. */
  readonly #tokens: number[] = [];
  readonly #parser = new SseParser((data) => this.#take(data));
  #choices: chat.Choice[] = [];
  /** By index of the choice: false once it began, true once it has its finish reason. */
  readonly #finished: boolean[] = [];
  readonly #template = new ChunkTemplate();
  /** Of the chunk that the template came from. */
  #templateIndex = 0;
  readonly #redact: Redact;
  readonly #extras: boolean;
  /** By index of the choice; of those that call tools. */
  readonly #toolCalls: ToolCalls[] = [];

  constructor(redact: Redact, extras = false) {
    this.#redact = redact;
    this.#extras = extras;
  }

  /** What the engine says it used, so far or in all. */
  get usage(): common.Usage | undefined {
    if (this.#usage === undefined || this.#tokens.length === 0) return this.#usage;
    let completionTokens = 0;
    for (const tokens of this.#tokens) completionTokens += tokens ?? 0;
    return { ...this.#usage, completionTokens };
  }

  write(bytes: Buffer, choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#parser.write(bytes);
  }

  end(choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#parser.end();
    if (this.done) return;
    // Without [DONE]: complete if every choice that began has a finish reason.
    if (this.#finished.length === 0 || this.#finished.includes(false)) throw cutFailure();
    this.done = true;
  }

  #take(data: string): void {
    if (this.done) return;
    const text = this.#template.text(data);
    if (text !== undefined) {
      this.#choices.push(textPiece(this.#templateIndex, text));
      const { tokens } = this.#template;
      if (tokens !== undefined) this.#tokens[this.#templateIndex] = tokens;
      return;
    }
    if (data === '[DONE]') {
      // An end without a single choice is no answer.
      if (this.#finished.length === 0) throw cutFailure();
      this.done = true;
      return;
    }
    const chunk = engineJson<OpenAiAnswer>(data, 'an event');
    if (chunk.error != null) throw frameFailure(chunk.error, this.#redact);
    if (chunk.system_fingerprint) this.systemFingerprint = chunk.system_fingerprint;
    const choices = chunk.choices;
    if (chunk.usage) this.#used(usageOf(chunk.usage), choices);
    if (!Array.isArray(choices)) return;
    for (const choice of choices) {
      const piece = choiceOf(choice, choice.delta);
      if (this.#extras) piece.extraJson = furtherFields(this.#redact, known, choice.delta, choice);
      this.#harmonise(piece, choice.delta?.tool_calls);
      this.#finished[piece.index] = this.#finished[piece.index] === true || piece.finishReason !== '';
      this.#choices.push(piece);
      const plain = !this.#extras && choices.length === 1 && isTextOnly(piece);
      const found = { text: piece.content, tokens: chunk.usage?.completion_tokens };
      if (plain && this.#template.learn(data, found, textOnly)) this.#templateIndex = piece.index;
    }
  }

  #harmonise(piece: chat.Choice, rows: unknown): void {
    const { index } = piece;
    if (Array.isArray(rows) && rows.length > 0) {
      this.#toolCalls[index] ??= new ToolCalls();
      piece.toolCallsJson = this.#toolCalls[index].deltas(rows as ToolCallRow[]);
    }
    if (piece.finishReason !== '') piece.finishReason = (this.#toolCalls[index] ?? none).finish(piece.finishReason);
  }

  /** A chunk with a choice tells what that one took so far (vLLM's `continuous_usage_stats`), one without what all took. */
  #used(usage: common.Usage, choices: readonly OpenAiChoice[] | undefined): void {
    this.#usage = usage;
    const [choice] = choices ?? [];
    if (choice && choices!.length === 1) this.#tokens[choice.index ?? 0] = usage.completionTokens;
    else this.#tokens.length = 0;
  }
}

/** One chat.completion. */
export class OpenAiWhole implements AnswerDecoder {
  done = false;
  usage: common.Usage | undefined;
  systemFingerprint = '';
  readonly #body = new WholeBody();
  readonly #redact: Redact;
  readonly #extras: boolean;

  constructor(redact: Redact, extras = false) {
    this.#redact = redact;
    this.#extras = extras;
  }

  write(bytes: Buffer): void {
    this.#body.write(bytes);
  }

  end(choices: chat.Choice[]): void {
    const answer = this.#body.json() as OpenAiAnswer | null;
    if (answer?.error != null) throw frameFailure(answer.error, this.#redact);
    if (!Array.isArray(answer?.choices) || answer.choices.length === 0)
      throw malformedFailure('an answer without choices');
    for (const choice of answer.choices) {
      const whole = choiceOf(choice, choice.message);
      if (this.#extras) whole.extraJson = furtherFields(this.#redact, known, choice.message, choice);
      const toolCalls = new ToolCalls();
      const rows = choice.message?.tool_calls;
      if (Array.isArray(rows) && rows.length > 0) whole.toolCallsJson = toolCalls.whole(rows as ToolCallRow[]);
      whole.finishReason = toolCalls.finish(whole.finishReason || 'stop');
      choices.push(whole);
    }
    if (answer.usage) this.usage = usageOf(answer.usage);
    this.systemFingerprint = text(answer.system_fingerprint);
    this.done = true;
  }
}

function textPiece(index: number, content: string): chat.Choice {
  return {
    index,
    role: '',
    content,
    reasoning: '',
    toolCallsJson: '',
    refusal: '',
    logprobsJson: '',
    finishReason: '',
    stopSequence: '',
    extraJson: '',
  };
}

function isTextOnly(piece: chat.Choice): boolean {
  const { role, content, reasoning, toolCallsJson, refusal, logprobsJson, finishReason } = piece;
  return content !== '' && role + reasoning + toolCallsJson + refusal + logprobsJson + finishReason === '';
}

/** A chunk with one piece. */
function textOnly(data: string): TextChunk | undefined {
  const { choices, usage } = engineJson<OpenAiAnswer>(data, 'an event');
  const choice = choices?.[0];
  return choice && { text: choiceOf(choice, choice.delta).content, tokens: usage?.completion_tokens };
}

/** Of a choice that calls none. */
const none = new ToolCalls();

/** Without its tool calls, of which several pieces tell. Throws for a choice that its engine gave up: vLLM says `abort` when it shuts down or was told to, OpenRouter `error`. */
function choiceOf(choice: OpenAiChoice, piece: OpenAiPiece | null | undefined): chat.Choice {
  if (choice.finish_reason === 'abort' || choice.finish_reason === 'error') throw cutFailure();
  const { role, content, reasoning_content, reasoning, refusal } = piece ?? {};
  return {
    index: choice.index ?? 0,
    role: text(role),
    content: text(content),
    reasoning: text(reasoning_content ?? reasoning),
    toolCallsJson: '',
    refusal: text(refusal),
    logprobsJson: choice.logprobs == null ? '' : JSON.stringify(choice.logprobs),
    finishReason: text(choice.finish_reason),
    stopSequence: choice.finish_reason === 'stop' ? text(choice.stop_reason) : '',
    extraJson: '',
  };
}

export function usageOf(usage: OpenAiUsage): common.Usage {
  return {
    promptTokens: usage.prompt_tokens ?? 0,
    completionTokens: usage.completion_tokens ?? 0,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    estimated: false,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
