import type { chat, common } from '@flotilla/contracts';
import { cutFailure, frameFailure, malformedFailure } from './engine-errors.ts';
import { engineJson } from './engine-json.ts';
import { furtherFields } from './further-fields.ts';
import type { AnswerDecoder, Redact } from './provider.ts';
import { SseParser } from './sse.ts';
import { ToolCalls } from './tool-calls.ts';
import { WholeBody } from './whole-body.ts';

interface Block {
  type?: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  input?: unknown;
}
interface Usage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
}
interface Ending {
  stop_reason?: string | null;
  stop_sequence?: string | null;
}
interface AnthropicEvent {
  type?: string;
  index?: number;
  message?: { role?: string; usage?: Usage };
  content_block?: Block;
  delta?: Ending & { type?: string; text?: string; thinking?: string; partial_json?: string };
  usage?: Usage;
  error?: unknown;
}
interface Message extends Ending {
  content?: Block[];
  usage?: Usage;
  error?: unknown;
}

/** Anthropic's stop reason → OpenAI's finish reason. */
const reasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
};

/** What stands elsewhere in an answer; see furtherFields. */
const known = new Set(['id', 'type', 'role', 'model', 'content', 'usage', 'error']);

/** `text/event-stream` of Anthropic's Messages API. Events it does not know are passed over, as its versioning asks. */
export class AnthropicStream implements AnswerDecoder {
  done = false;
  usage: common.Usage | undefined;
  readonly systemFingerprint = '';
  readonly #redact: Redact;
  readonly #extras: boolean;
  readonly #parser = new SseParser((data) => this.#take(data));
  readonly #toolCalls = new ToolCalls();
  #choices: chat.Choice[] = [];
  #used: Usage = {};
  /** The call that comes now; `said`: something of its arguments came. */
  #call: { readonly id: string; readonly input: unknown; said: boolean } | undefined;

  constructor(redact: Redact, extras = false) {
    this.#redact = redact;
    this.#extras = extras;
  }

  write(bytes: Buffer, choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#parser.write(bytes);
  }

  end(choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#parser.end();
    if (!this.done) throw cutFailure();
  }

  #take(data: string): void {
    if (this.done) return;
    const event = engineJson<AnthropicEvent>(data, 'an event');
    switch (event.type) {
      case 'message_start':
        this.#used = event.message?.usage ?? {};
        return this.#say({ role: 'assistant' });
      case 'content_block_start':
        return this.#beginBlock(event.content_block ?? {});
      case 'content_block_delta':
        return this.#delta(event.delta ?? {});
      case 'content_block_stop':
        return this.#endBlock();
      case 'message_delta':
        this.#used = { ...this.#used, ...defined(event.usage) };
        return this.#end(event.delta ?? {});
      case 'message_stop':
        this.usage = usageOf(this.#used);
        this.done = true;
        return;
      case 'error':
        throw frameFailure(event.error, this.#redact);
    }
  }

  #end(delta: Ending): void {
    if (!delta.stop_reason) return;
    this.#say({
      finishReason: this.#toolCalls.finish(finishOf(delta.stop_reason)),
      stopSequence: sequenceOf(delta),
      extraJson: this.#extras ? furtherFields(this.#redact, known, delta) : '',
    });
  }

  #beginBlock({ type, id = '', name = '', input, text, thinking }: Block): void {
    if (type === 'tool_use') {
      this.#call = { id, input, said: false };
      this.#say({ toolCallsJson: this.#toolCalls.deltas([{ id, function: { name, arguments: '' } }]) });
    } else if (text || thinking) this.#say({ content: text ?? '', reasoning: thinking ?? '' });
  }

  #delta({ type, text = '', thinking = '', partial_json: more = '' }: NonNullable<AnthropicEvent['delta']>): void {
    if (type === 'text_delta') this.#say({ content: text });
    else if (type === 'thinking_delta') this.#say({ reasoning: thinking });
    else if (type === 'input_json_delta' && this.#call && more !== '') {
      this.#call.said = true;
      this.#argue(this.#call.id, more);
    }
  }

  /** A tool that takes nothing is called with no word of arguments; OpenAI's clients parse them. */
  #endBlock(): void {
    const call = this.#call;
    this.#call = undefined;
    if (call && !call.said) this.#argue(call.id, JSON.stringify(call.input ?? {}));
  }

  #argue(id: string, text: string): void {
    this.#say({ toolCallsJson: this.#toolCalls.deltas([{ id, function: { arguments: text } }]) });
  }

  #say(piece: Partial<chat.Choice>): void {
    this.#choices.push(choiceOf(piece));
  }
}

/** A message in one piece. */
export class AnthropicWhole implements AnswerDecoder {
  done = false;
  usage: common.Usage | undefined;
  readonly systemFingerprint = '';
  readonly #redact: Redact;
  readonly #extras: boolean;
  readonly #body = new WholeBody();

  constructor(redact: Redact, extras = false) {
    this.#redact = redact;
    this.#extras = extras;
  }

  write(bytes: Buffer): void {
    this.#body.write(bytes);
  }

  end(choices: chat.Choice[]): void {
    const message = (this.#body.json() ?? {}) as Message;
    if (message.error != null) throw frameFailure(message.error, this.#redact);
    const { content, stop_reason: reason, usage } = message;
    if (!Array.isArray(content)) throw malformedFailure('an answer without content');
    if (!reason) throw cutFailure();
    const joined = (type: string, field: 'text' | 'thinking') =>
      content.map((block) => (block.type === type ? (block[field] ?? '') : '')).join('');
    const rows = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({ id, function: { name, arguments: input ?? {} } }));
    const calls = new ToolCalls();
    choices.push(
      choiceOf({
        role: 'assistant',
        content: joined('text', 'text'),
        reasoning: joined('thinking', 'thinking'),
        toolCallsJson: rows.length > 0 ? calls.whole(rows) : '',
        finishReason: calls.finish(finishOf(reason)),
        stopSequence: sequenceOf(message),
        extraJson: this.#extras ? furtherFields(this.#redact, known, message) : '',
      }),
    );
    if (usage) this.usage = usageOf(usage);
    this.done = true;
  }
}

function choiceOf(piece: Partial<chat.Choice>): chat.Choice {
  return {
    ...{ index: 0, role: '', content: '', reasoning: '', toolCallsJson: '' },
    ...{ refusal: '', logprobsJson: '', finishReason: '', stopSequence: '', extraJson: '' },
    ...piece,
  };
}

function finishOf(reason: string): string {
  return Object.hasOwn(reasons, reason) ? reasons[reason]! : 'stop';
}

function sequenceOf({ stop_reason: reason, stop_sequence: sequence }: Ending): string {
  return reason === 'stop_sequence' && typeof sequence === 'string' ? sequence : '';
}

function defined(usage: Usage | undefined): Usage {
  return Object.fromEntries(Object.entries(usage ?? {}).filter(([, tokens]) => typeof tokens === 'number')) as Usage;
}

/** Anthropic's `input_tokens` are those that were neither read from its cache nor written to it. */
function usageOf(usage: Usage): common.Usage {
  const cachedTokens = usage.cache_read_input_tokens ?? 0;
  return {
    promptTokens: (usage.input_tokens ?? 0) + cachedTokens + (usage.cache_creation_input_tokens ?? 0),
    completionTokens: usage.output_tokens ?? 0,
    cachedTokens,
    estimated: false,
  };
}
