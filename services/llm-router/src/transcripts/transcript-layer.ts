import type { chat, common, router } from '@flotilla/contracts';
import { toFlotillaError, type Clock, type PlatformFile } from '@flotilla/kernel';
import { noRouting, type AnswerLayer, type Ask, type GenerateEvents, type Plan } from '../generation/plan.ts';
import { entryLine, maxTextCharacters, type ChoiceText, type Course } from './entry.ts';

type Result = IteratorResult<router.GenerateEvent, undefined>;

export interface TranscriptParts {
  /** Takes one finished line. */
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly file: () => PlatformFile;
  /** Whether prompts and answers are written where an organisation does not say otherwise. */
  readonly prompts: boolean;
}

/** Writes down every chat that a model was asked for, when it ends, and those that were refused before. */
export class TranscriptLayer implements AnswerLayer {
  readonly #parts: TranscriptParts;

  constructor(parts: TranscriptParts) {
    this.#parts = parts;
  }

  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
    return new TranscribedEvents(next(plan, signal), plan, this.#parts);
  }

  /** No engine was asked: there is no such model, or it cannot take the request. */
  refused(request: router.GenerateRequest, error: unknown): void {
    const { clock, write } = this.#parts;
    const none = { firstPieceMs: undefined, answerer: undefined, usage: undefined, notices: [], choices: [] };
    const course: Course = {
      ...{ ...none, at: clock.now(), latencyMs: 0, status: 'refused', code: toFlotillaError(error).code },
    };
    write(entryLine({ request, model: '', routing: noRouting }, course, writesPrompts(this.#parts, request)));
  }
}

class TranscribedEvents implements GenerateEvents {
  readonly #events: GenerateEvents;
  readonly #plan: Plan;
  readonly #parts: TranscriptParts;
  readonly #prompts: boolean;
  readonly #at: number;
  readonly #startedAt: number;
  #firstPieceAt: number | undefined;
  #answerer: chat.Answerer | undefined;
  #usage: common.Usage | undefined;
  #failure: string | undefined;
  readonly #notices: string[] = [];
  readonly #choices: ChoiceText[] = [];
  #written = false;

  constructor(events: GenerateEvents, plan: Plan, parts: TranscriptParts) {
    this.#events = events;
    this.#plan = plan;
    this.#parts = parts;
    this.#prompts = writesPrompts(parts, plan.request);
    this.#at = parts.clock.now();
    this.#startedAt = parts.clock.monotonic();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    return this.#events.next().then(
      (result) => {
        if (result.done) this.#end(this.#failure === undefined ? 'completed' : 'failed', this.#failure ?? '');
        else this.#take(result.value.event);
        return result;
      },
      (error: unknown) => {
        const { code } = toFlotillaError(error);
        this.#end(code === 'cancelled' ? 'cancelled' : 'failed', code);
        throw error;
      },
    );
  }

  return(): Promise<Result> {
    // Left after its end it is complete.
    if (this.#usage) this.#end('completed', '');
    else this.#end('cancelled', 'cancelled');
    return this.#events.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  #take(event: router.GenerateEvent['event']): void {
    switch (event?.$case) {
      case 'choices':
        this.#firstPieceAt ??= this.#parts.clock.monotonic();
        for (const choice of event.value.choices) this.#add(choice);
        return;
      case 'answerer':
        this.#answerer = event.value;
        return;
      case 'notice':
        this.#notices.push(event.value.code);
        return;
      case 'failure':
        this.#failure = event.value.code;
        return;
      case 'finished':
        this.#usage = event.value.usage;
        return;
      case 'waiting':
      case undefined:
        return;
      default:
        event satisfies never;
    }
  }

  #add({ index, content, reasoning, toolCallsJson, finishReason }: chat.Choice): void {
    const text = (this.#choices[index] ??= { content: '', reasoning: '', toolCalls: '', finishReason: '' });
    if (finishReason !== '') text.finishReason = finishReason;
    if (!this.#prompts) return;
    text.content = grown(text.content, content);
    text.reasoning = grown(text.reasoning, reasoning);
    text.toolCalls = grown(text.toolCalls, toolCallsJson);
  }

  #end(status: Course['status'], code: string): void {
    if (this.#written) return;
    this.#written = true;
    const now = this.#parts.clock.monotonic();
    const course: Course = {
      at: this.#at,
      latencyMs: now - this.#startedAt,
      firstPieceMs: this.#firstPieceAt === undefined ? undefined : this.#firstPieceAt - this.#startedAt,
      status,
      code,
      answerer: this.#answerer,
      usage: this.#usage,
      notices: this.#notices,
      // An index that no piece had is no choice.
      choices: this.#choices.filter((choice) => choice !== undefined),
    };
    const { request, resolution, routing } = this.#plan;
    this.#parts.write(entryLine({ request, routing, model: resolution.name }, course, this.#prompts));
  }
}

function writesPrompts({ file, prompts }: TranscriptParts, { caller }: router.GenerateRequest): boolean {
  return prompts && file().payload.orgs[caller?.orgId ?? '']?.transcript_prompts !== false;
}

/** A little more than is written is kept, so that the line can tell it is not all. */
function grown(text: string, more: string): string {
  return text.length > maxTextCharacters ? text : text + more;
}
