import type { chat, orchestrator } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { collectExtra, endedEarly, failureOf, newExtras, noUsage, type GrowingExtras } from '../../chat/answer.ts';
import { extension } from '../../chat/chunks.ts';
import type { Turn } from '../../chat/turns.ts';
import { ending, messageId, notEnded, usageOf, type ToolCallPiece, type Wishes } from './message.ts';

export function frame(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** Which block is open: the text, what the model thinks, or one tool call of it by index. */
type Open = { readonly kind: 'text' | 'thinking' } | { readonly kind: 'tool'; readonly tool: number };

/** Turns the events of one answer into Anthropic's: blocks one after another, each begun, filled and ended. */
export class MessageEvents {
  #answerer: chat.Answerer | undefined;
  readonly #extras: GrowingExtras;
  #started = false;
  #open: Open | undefined;
  #blocks = 0;
  #ended = notEnded;
  #finished = false;

  constructor(
    private readonly turn: Turn,
    private readonly promptTokens: number,
    private readonly wishes: Wishes,
  ) {
    this.#extras = newExtras(turn.body.conversationId);
  }

  /** What to send now; nothing before the first choice or the first wait. Throws when the event says that the answer failed. */
  take({ event }: orchestrator.ChatEvent): string {
    switch (event?.$case) {
      case 'choices': {
        let text = this.#start();
        for (const choice of event.value.choices) if (choice.index === 0) text += this.#choice(choice);
        return text;
      }
      case 'finished':
        this.#finished = true;
        return this.#start() + this.#stop() + this.#last(event.value);
      case 'waiting':
        return frame('ping');
      case 'answerer':
        this.#answerer = event.value;
        return '';
      case 'failure':
        throw failureOf(event.value);
      default:
        collectExtra(event, this.#extras);
        return '';
    }
  }

  /** Throws when the events ended without an end: a message cut short is never stopped as a whole one. */
  end(): void {
    if (!this.#finished) throw endedEarly();
  }

  #start(): string {
    if (this.#started) return '';
    this.#started = true;
    const { id, body } = this.turn;
    const message = {
      ...{ id: messageId(id), type: 'message', role: 'assistant', model: this.#answerer?.model || body.model },
      ...{ content: [], stop_reason: null, stop_sequence: null },
      // The engine counts at the end; until then our estimate stands here.
      usage: usageOf({ ...noUsage, promptTokens: this.promptTokens }),
    };
    return frame('message_start', { message });
  }

  #choice({ content, reasoning, refusal, toolCallsJson, finishReason, stopSequence }: chat.Choice): string {
    let text = '';
    if (reasoning !== '' && this.wishes.thinking) {
      text += this.#begin({ kind: 'thinking' }, { type: 'thinking', thinking: '', signature: '' });
      text += this.#delta({ type: 'thinking_delta', thinking: reasoning });
    }
    if (content !== '' || refusal !== '') {
      text += this.#begin({ kind: 'text' }, { type: 'text', text: '', citations: null });
      text += this.#delta({ type: 'text_delta', text: content + refusal });
    }
    if (toolCallsJson !== '') {
      for (const [at, piece] of (JSON.parse(toolCallsJson) as ToolCallPiece[]).entries()) text += this.#tool(piece, at);
    }
    if (finishReason !== '') this.#ended = { finishReason, stopSequence };
    return text;
  }

  #tool({ index, id, function: called }: ToolCallPiece, at: number): string {
    const tool = index ?? at;
    const same = this.#open?.kind === 'tool' && this.#open.tool === tool;
    if (!same && !id) throw new FlotillaError('engine_error', 'The engine mixed the pieces of two tool calls.');
    const block = { type: 'tool_use', id, name: called?.name ?? '', input: {} };
    const begun = same ? '' : this.#begin({ kind: 'tool', tool }, block);
    return called?.arguments
      ? begun + this.#delta({ type: 'input_json_delta', partial_json: called.arguments })
      : begun;
  }

  /** Begins a block unless one of this kind is open; a tool call always begins its own. */
  #begin(next: Open, block: object): string {
    if (this.#open?.kind === next.kind && next.kind !== 'tool') return '';
    const stopped = this.#stop();
    this.#open = next;
    return stopped + frame('content_block_start', { index: this.#blocks, content_block: block });
  }

  #delta(delta: object): string {
    return frame('content_block_delta', { index: this.#blocks, delta });
  }

  #stop(): string {
    if (!this.#open) return '';
    this.#open = undefined;
    this.#blocks += 1;
    return frame('content_block_stop', { index: this.#blocks - 1 });
  }

  #last({ usage }: chat.Finished): string {
    const extra = extension(this.#extras);
    const delta = ending(this.#ended, this.wishes);
    const told = { delta, usage: usageOf(usage ?? noUsage), ...(extra && { flotilla: extra }) };
    return frame('message_delta', told) + frame('message_stop');
  }
}
