import { chat, type common, type orchestrator } from '@flotilla/contracts';
import { costMicros, type ModelPrice } from '@flotilla/kernel';
import { estimateTokens, tokensOf } from './token-estimate.ts';
import { ToolCallAssembly } from './tool-call-assembly.ts';

export type Outcome = 'completed' | 'cancelled' | 'failed' | 'filtered';
export type Operation = 'chat' | 'completion' | 'embedding';
/** What the check of the prompt and the guard of the answer came to. */
export type SafetyState = 'checked' | 'unchecked' | 'blocked';

/** A turn of a conversation, as it is kept. */
export interface SavedTurn {
  readonly turnId: string;
  readonly conversationId: string;
  /** What was new in the request, then the answer. */
  readonly messages: readonly chat.Message[];
  /** System messages of the request; empty: those before stay in force. */
  readonly system: readonly chat.Message[];
  readonly citations: readonly chat.Citation[];
}

/** What is written of a chat call: its usage, and its turn when it belongs to a conversation. */
export interface TurnRow {
  readonly caller: common.Caller;
  readonly model: string;
  readonly provider: string;
  readonly usage: common.Usage;
  readonly outcome: Outcome;
  readonly safety: SafetyState;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Millionths of a USD. */
  readonly costMicros: number;
  /** What the limiter or a lease held for it; 0: nothing. */
  readonly reservedTokens: number;
  /** Empty: it was not admitted under a lease. */
  readonly leaseId: string;
  readonly operation: Operation;
  readonly turn?: SavedTurn;
}

/** What one chat call has come to so far. */
export class TurnRecord {
  readonly request: orchestrator.ChatRequest;
  readonly caller: common.Caller;
  outcome: Outcome = 'failed';
  safety: SafetyState = 'unchecked';
  answerer: chat.Answerer | undefined;
  citations: readonly chat.Citation[] = [];
  /** What the engine said it used. */
  usage: common.Usage | undefined;
  /** What the engine said it used until then; not all say. */
  usedSoFar: common.Usage | undefined;
  /** The messages the engine was given; undefined until it took them. */
  prompt: readonly chat.Message[] | undefined;
  #generatedCharacters = 0;
  #pieces = 0;
  #delivered = '';
  #toolCalls: ToolCallAssembly | undefined;
  #anyDelivered = false;

  constructor(request: orchestrator.ChatRequest, caller: common.Caller) {
    this.request = request;
    this.caller = caller;
  }

  /** The engine wrote it. */
  generated({ content, reasoning, toolCallsJson }: chat.Choice): void {
    const characters = content.length + reasoning.length + toolCallsJson.length;
    this.#generatedCharacters += characters;
    if (characters > 0) this.#pieces += 1;
  }

  /** The client was given it. Only the first choice is remembered: a conversation goes on from one answer. */
  delivered(choices: readonly chat.Choice[]): void {
    if (this.request.conversationId === '') return;
    for (const { index, content, toolCallsJson } of choices) {
      if (index !== 0) continue;
      this.#delivered += content;
      if (toolCallsJson !== '') (this.#toolCalls ??= new ToolCallAssembly()).add(toolCallsJson);
      this.#anyDelivered ||= content !== '' || toolCallsJson !== '';
    }
  }

  /** What the engine said, at its end or until it was stopped, or an estimate of that. */
  finalUsage(): common.Usage {
    const told = this.usage ?? this.usedSoFar;
    if (told) return told;
    const began = this.answerer !== undefined || this.#generatedCharacters > 0;
    const promptTokens = began && this.prompt ? estimateTokens(this.prompt) : 0;
    const { maxTokens, choices } = this.request;
    const granted = maxTokens > 0 ? maxTokens * Math.max(1, choices) : Infinity;
    // An engine that streams sends a token or more in a piece, and never more tokens than it was granted.
    const completionTokens = Math.min(granted, Math.max(this.#pieces, tokensOf(this.#generatedCharacters)));
    return { promptTokens, completionTokens, cachedTokens: 0, estimated: began };
  }

  /** Millionths of a USD. `price`: what the model asked for costs; where the router knows what answered, that is what counts. */
  cost(usage: common.Usage, price: ModelPrice | undefined): number {
    return costMicros(usage, this.answerer?.price ?? price);
  }

  /** `price`: as for `cost`. */
  row(at: number, price: ModelPrice | undefined, turnId: () => string): TurnRow {
    const { model, provider } = this.answerer ?? { model: '', provider: '' };
    const turn = this.#turn(turnId);
    const usage = this.finalUsage();
    const { reservedTokens, leaseId, operation } = this.request;
    return {
      ...{ caller: this.caller, model: model || this.request.model, provider, usage },
      ...{ costMicros: this.cost(usage, price), reservedTokens, leaseId },
      operation: operation === 'completion' ? operation : 'chat',
      ...{ outcome: this.outcome, safety: this.safety, at, ...(turn && { turn }) },
    };
  }

  /** A turn that failed, or of which nothing arrived, is not remembered: the client asks again. */
  #turn(turnId: () => string): SavedTurn | undefined {
    const { conversationId, messages } = this.request;
    if (conversationId === '' || this.outcome === 'failed') return undefined;
    if (this.outcome !== 'completed' && !this.#anyDelivered) return undefined;
    const toolCallsJson = this.#toolCalls?.json() ?? '';
    const answer = chat.Message.fromPartial({ role: 'assistant', content: this.#delivered, toolCallsJson });
    return {
      ...{ turnId: turnId(), conversationId, citations: this.citations, messages: [...messages, answer] },
      system: messages.filter(({ role }) => role === 'system' || role === 'developer'),
    };
  }
}
