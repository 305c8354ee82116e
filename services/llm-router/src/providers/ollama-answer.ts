import type { chat, common } from '@flotilla/contracts';
import { cutFailure, frameFailure } from './engine-errors.ts';
import { engineJson } from './engine-json.ts';
import { furtherFields } from './further-fields.ts';
import { LineSplitter } from './lines.ts';
import type { AnswerDecoder, Redact } from './provider.ts';
import { ToolCalls, type ToolCallRow } from './tool-calls.ts';

interface OllamaLine {
  message?: { role?: string; content?: string; thinking?: string; tool_calls?: ToolCallRow[] };
  done?: boolean;
  done_reason?: string;
  prompt_eval_count?: number;
  eval_count?: number;
  error?: unknown;
}

/** What stands elsewhere in an answer; see furtherFields. */
const known = new Set([
  ...['model', 'created_at', 'message', 'done', 'prompt_eval_count', 'eval_count'],
  ...['role', 'content', 'thinking', 'tool_calls'],
]);

/** Newline-delimited JSON of `/api/chat`; an answer in one piece is its one line. */
export class OllamaAnswer implements AnswerDecoder {
  done = false;
  usage: common.Usage | undefined;
  readonly systemFingerprint = '';
  readonly #lines = new LineSplitter((line) => this.#take(line));
  #choices: chat.Choice[] = [];
  readonly #toolCalls = new ToolCalls();
  #began = false;
  readonly #redact: Redact;
  readonly #extras: boolean;

  constructor(redact: Redact, extras = false) {
    this.#redact = redact;
    this.#extras = extras;
  }

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
    const line = engineJson<OllamaLine>(text, 'a line');
    if (line.error != null) throw frameFailure(line.error, this.#redact);
    const { role, content, thinking, tool_calls } = line.message ?? {};
    const toolCallsJson = tool_calls && tool_calls.length > 0 ? this.#toolCalls.deltas(tool_calls.map(whole)) : '';
    const finishReason = line.done ? this.#toolCalls.finish(line.done_reason === 'length' ? 'length' : 'stop') : '';
    this.#choices.push({
      index: 0,
      role: this.#began ? '' : (role ?? 'assistant'),
      content: content ?? '',
      reasoning: thinking ?? '',
      toolCallsJson,
      refusal: '',
      logprobsJson: '',
      finishReason,
      stopSequence: '',
      extraJson: this.#extras ? furtherFields(this.#redact, known, line.message, line) : '',
    });
    this.#began = true;
    if (!line.done) return;
    this.done = true;
    if (line.eval_count === undefined) return;
    // A prompt that Ollama had cached whole is left out of prompt_eval_count.
    const promptTokens = line.prompt_eval_count ?? 0;
    this.usage = { promptTokens, completionTokens: line.eval_count, cachedTokens: 0, estimated: false };
  }
}

/** Ollama gives each call in one piece, with its arguments as an object. */
function whole(row: ToolCallRow): ToolCallRow {
  return { id: row.id, function: { name: row.function?.name, arguments: row.function?.arguments ?? {} } };
}
