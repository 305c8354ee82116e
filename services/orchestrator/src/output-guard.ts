import { safety, type chat, type common } from '@flotilla/contracts';
import { joinLogprobs, LogprobsHold } from './logprobs-hold.ts';
import { applyPolicy, type OnTimeout, type SafetyClient } from './safety-policy.ts';

export interface GuardOptions {
  readonly client: SafetyClient;
  readonly caller: common.Caller;
  readonly onTimeout: OnTimeout;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What an output guard tells its stream. */
export interface GuardListener {
  release(choice: chat.Choice): void;
  /** A piece went out unguarded, by policy. */
  unchecked(): void;
  /** The rules end this choice; nothing more of it is released. */
  blocked(choice: ChoiceGuard): void;
  /** The policy is to refuse what cannot be guarded. */
  failed(error: unknown): void;
}

/** After so many refusals in a row the service is taken to be away for the rest of the answer. */
const GIVE_UP_AFTER = 3;
/** How far the guard looks back into what was released. */
const CONTEXT_LENGTH = 16;
const NONE = Promise.resolve();

const hasMore = ({ role, reasoning, toolCallsJson, refusal, logprobsJson, finishReason, extraJson }: chat.Choice) =>
  role !== '' ||
  reasoning !== '' ||
  toolCallsJson !== '' ||
  refusal !== '' ||
  logprobsJson !== '' ||
  finishReason !== '' ||
  extraJson !== '';

/**
 * Guards the text of one choice. One call is in flight at a time; pieces that come meanwhile go together with the next
 * one, so calls grow just as the guard slows down. Everything that is not text keeps its place in the order, but for
 * token probabilities, which spell the text out and go where it goes, and what else engines say: it may repeat any of the text
 * so far, so it goes out only while all of that did, as it was.
 */
export class ChoiceGuard {
  readonly index: number;
  readonly #options: GuardOptions;
  readonly #listener: GuardListener;
  #waiting: chat.Choice[] = [];
  #state: safety.GuardState | undefined;
  #failures = 0;
  #closed = false;
  #flushing = false;
  #finished = false;
  #redacted = false;
  /** The rules changed some of the text so far. */
  #altered = false;
  #logprobs: LogprobsHold | undefined;
  #running: Promise<void> | undefined;

  constructor(index: number, options: GuardOptions, listener: GuardListener) {
    this.index = index;
    this.#options = options;
    this.#listener = listener;
  }

  push(choice: chat.Choice): void {
    if (this.#closed) return;
    this.#finished ||= choice.finishReason !== '';
    this.#waiting.push(choice);
    this.#running ??= this.#run();
  }

  /** Pieces that wait for the call in flight: whoever pushes stops reading when they are many. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when all that was pushed is released. */
  idle(): Promise<void> {
    return this.#running ?? NONE;
  }

  /** Releases what is held, also when the text ended without a finish reason. */
  flush(): Promise<void> {
    if (!this.#finished && (this.#state?.held || this.#running)) {
      this.#flushing = true;
      this.push({ ...emptyChoice, index: this.index });
    }
    return this.idle();
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#closed) {
        const batch = this.#waiting;
        this.#waiting = [];
        await this.#release(batch);
      }
    } catch (error) {
      this.#closed = true;
      this.#listener.failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #release(batch: readonly chat.Choice[]): Promise<void> {
    let text = batch[0]!.content;
    let lastText = 0;
    for (let at = 1; at < batch.length; at += 1) {
      if (batch[at]!.content === '') continue;
      text += batch[at]!.content;
      lastText = at;
    }
    const last = batch.length - 1;
    const final = this.#flushing || batch[last]!.finishReason !== '';
    if (final) lastText = last;
    const guarded = text !== '' || (final && this.#state?.held) ? await this.#guard(text, final) : '';
    if (guarded === undefined) {
      this.#closed = true;
      this.#listener.blocked(this);
      return;
    }
    const logprobsJson = this.#logprobsOf(batch);
    const told = !this.#altered && !this.#state?.held;
    for (let at = 0; at < batch.length; at += 1) {
      const choice = batch[at]!;
      const content = at === lastText ? guarded : '';
      const extraJson = told ? choice.extraJson : '';
      const same = choice.content === content && choice.extraJson === extraJson && choice.logprobsJson === '';
      if (same && (logprobsJson === '' || at !== lastText)) {
        if (content !== '' || hasMore(choice)) this.#listener.release(choice);
        continue;
      }
      const released = { ...choice, content, extraJson, logprobsJson: at === lastText ? logprobsJson : '' };
      if (content !== '' || hasMore(released)) this.#listener.release(released);
    }
  }

  /** The probabilities of what this batch releases. */
  #logprobsOf(batch: readonly chat.Choice[]): string {
    if (this.#logprobs === undefined) {
      if (batch.every((choice) => choice.logprobsJson === '')) return '';
      this.#logprobs = new LogprobsHold();
    }
    for (const { content, logprobsJson } of batch) this.#logprobs.add(content.length, logprobsJson);
    return joinLogprobs(this.#logprobs.released(this.#state?.held.length ?? 0, this.#redacted));
  }

  /** The text that may go out; undefined: none, the rules end the answer. */
  async #guard(text: string, final: boolean): Promise<string | undefined> {
    const { client, caller, timeoutMs, signal, onTimeout } = this.#options;
    if (this.#failures < GIVE_UP_AFTER) {
      try {
        const response = await client.guard({ caller, state: this.#state, text, final }, { timeoutMs, signal });
        this.#failures = 0;
        if (response.action === safety.Action.BLOCK) return undefined;
        const { release, state } = response;
        this.#altered ||= release + (state?.held ?? '') !== (this.#state?.held ?? '') + text;
        this.#state = state;
        this.#redacted = response.action === safety.Action.REDACT;
        return release;
      } catch (error) {
        this.#failures += 1;
        applyPolicy(error, onTimeout, 'guard', signal);
        this.#listener.unchecked();
      }
    }
    this.#redacted = false;
    const unguarded = (this.#state?.held ?? '') + text;
    this.#state = { context: ((this.#state?.context ?? '') + unguarded).slice(-CONTEXT_LENGTH), held: '' };
    return unguarded;
  }
}

export const emptyChoice: chat.Choice = {
  index: 0,
  role: '',
  content: '',
  reasoning: '',
  toolCallsJson: '',
  refusal: '',
  logprobsJson: '',
  finishReason: '',
  stopSequence: '',
  extraJson: '',
};
