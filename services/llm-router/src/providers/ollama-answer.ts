import type { chat, common } from '@flotilla/contracts';
import { cutFailure, frameFailure, malformedFailure } from './engine-errors.ts';
import { LineSplitter } from './lines.ts';
import type { AnswerDecoder } from './provider.ts';

interface OllamaLine {
  message?: { role?: string; content?: string; thinking?: string; tool_calls?: OllamaToolCall[] };
  done?: boolean;
  done_reason?: string;
  prompt_eval_count?: number;
  eval_count?: number;
  error?: unknown;
}
interface OllamaToolCall {
  function?: { name?: string; arguments?: unknown };
}

/** Newline-delimited JSON of `/api/chat`; an answer in one piece is its one line. */
export class OllamaAnswer implements AnswerDecoder {
  done = false;
  usage: common.Usage | undefined;
  readonly systemFingerprint = '';
  readonly #lines = new LineSplitter((line) => this.#take(line));
  #choices: chat.Choice[] = [];
  #toolCalls = 0;
  #began = false;

  write(bytes: Buffer, choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#lines.write(bytes);
  }

  end(choices: chat.Choice[]): void {
    this.#choices = choices;
    this.#lines.end();
    if (!this.done) throw cutFailure();
  }

  #take(text: string): void {
    if (this.done || text.trim() === '') return;
    const line = parse(text);
    if (line.error != null) throw frameFailure(line.error);
    const { role, content, thinking, tool_calls } = line.message ?? {};
    const toolCallsJson = tool_calls && tool_calls.length > 0 ? this.#toolCallsJson(tool_calls) : '';
    const finishReason = line.done ? this.#finishReason(line.done_reason) : '';
    this.#choices.push({
      index: 0,
      role: this.#began ? '' : (role ?? 'assistant'),
      content: content ?? '',
      reasoning: thinking ?? '',
      toolCallsJson,
      refusal: '',
      logprobsJson: '',
      finishReason,
    });
    this.#began = true;
    if (!line.done) return;
    this.done = true;
    if (line.eval_count === undefined) return;
    // A prompt that Ollama had cached whole is left out of prompt_eval_count.
    const promptTokens = line.prompt_eval_count ?? 0;
    this.usage = { promptTokens, completionTokens: line.eval_count, cachedTokens: 0, estimated: false };
  }

  /** Ollama's calls have no id and arguments as an object; OpenAI's have an id and arguments as text. */
  #toolCallsJson(calls: readonly OllamaToolCall[]): string {
    const rows = calls.map((call) => {
      const index = this.#toolCalls++;
      const { name = '', arguments: input = {} } = call.function ?? {};
      return { index, id: `call_${index}`, type: 'function', function: { name, arguments: JSON.stringify(input) } };
    });
    return JSON.stringify(rows);
  }

  #finishReason(reason: string | undefined): string {
    if (this.#toolCalls > 0) return 'tool_calls';
    return reason === 'length' ? 'length' : 'stop';
  }
}

function parse(text: string): OllamaLine {
  try {
    return (JSON.parse(text) as OllamaLine | null) ?? {};
  } catch (cause) {
    throw malformedFailure('a line that is not JSON', cause);
  }
}
