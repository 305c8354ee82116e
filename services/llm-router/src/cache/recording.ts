import type { chat, common, router } from '@flotilla/contracts';
import type { KeptAnswer, KeptChoice } from './kept-answer.ts';
import { ToolCalls } from './tool-calls.ts';

/** Ends after which an answer is what the model had to say, or was allowed to. */
const goodEnds = new Set(['stop', 'length', 'tool_calls', 'function_call']);

class ChoiceRecording {
  #role = '';
  #content = '';
  #reasoning = '';
  #refusal = '';
  #finishReason = '';
  #stopSequence = '';
  readonly #toolCalls = new ToolCalls();
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
  }

  /** The length of what it adds, in UTF-16 units. */
  add(piece: chat.Choice): number {
    this.#role ||= piece.role;
    this.#content += piece.content;
    this.#reasoning += piece.reasoning;
    this.#refusal += piece.refusal;
    this.#finishReason ||= piece.finishReason;
    this.#stopSequence ||= piece.stopSequence;
    if (piece.toolCallsJson !== '') this.#toolCalls.add(piece.toolCallsJson);
    return piece.content.length + piece.reasoning.length + piece.refusal.length + piece.toolCallsJson.length;
  }

  whole(): KeptChoice | undefined {
    if (!goodEnds.has(this.#finishReason)) return undefined;
    return {
      ...{ index: this.#index, role: this.#role || 'assistant', content: this.#content, reasoning: this.#reasoning },
      ...{ refusal: this.#refusal, toolCalls: this.#toolCalls.whole(), finishReason: this.#finishReason },
      ...(this.#stopSequence !== '' && { stopSequence: this.#stopSequence }),
    };
  }
}

/**
 * Listens to an answer and has it whole at its end, unless it is one that is not kept: cut, filtered, longer than
 * `maxLength` UTF-16 units, with the odds of its tokens, or with a notice (another engine stepped in, which may be of
 * another model).
 */
export class Recording {
  readonly #maxLength: number;
  readonly #choices = new Map<number, ChoiceRecording>();
  #length = 0;
  #answerer: chat.Answerer | undefined;
  #spoilt = false;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The id of the one that answers. */
  get engine(): string {
    return this.#answerer?.endpoint ?? '';
  }

  hear(event: router.GenerateEvent['event']): void {
    if (this.#spoilt) return;
    if (event?.$case === 'answerer') this.#answerer = event.value;
    else if (event?.$case === 'choices') for (const piece of event.value.choices) this.#piece(piece);
    else if (event?.$case === 'notice' || event?.$case === 'failure') this.#spoil();
  }

  whole(usage: common.Usage | undefined): KeptAnswer | undefined {
    if (this.#spoilt || !this.#answerer || this.#choices.size === 0) return undefined;
    const choices = [...this.#choices.values()].flatMap((choice) => choice.whole() ?? []);
    if (choices.length < this.#choices.size) return undefined;
    const { provider, systemFingerprint } = this.#answerer;
    const { promptTokens = 0, completionTokens = 0 } = usage ?? {};
    return { provider, systemFingerprint, promptTokens, completionTokens, choices };
  }

  #piece(piece: chat.Choice): void {
    if (this.#spoilt) return;
    let choice = this.#choices.get(piece.index);
    if (!choice) this.#choices.set(piece.index, (choice = new ChoiceRecording(piece.index)));
    try {
      this.#length += choice.add(piece);
    } catch {
      return this.#spoil();
    }
    if (this.#length > this.#maxLength || piece.logprobsJson !== '') this.#spoil();
  }

  #spoil(): void {
    this.#spoilt = true;
    this.#choices.clear();
  }
}
