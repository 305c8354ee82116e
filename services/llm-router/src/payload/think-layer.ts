import type { chat, router } from '@flotilla/contracts';
import type { AnswerLayer, Ask, GenerateEvents, Plan } from '../generation/plan.ts';
import { ThinkSplitter } from './think-splitter.ts';

type Result = IteratorResult<router.GenerateEvent, undefined>;

/** Gives what a model thinks between tags in its text as reasoning, for models with a `reasoning_format`. */
export function thinkLayer(suppressDecorations: boolean): AnswerLayer {
  return {
    answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
      const format = plan.resolution.entry?.payload?.reasoning_format;
      const events = next(plan, signal);
      if (format === undefined || !suppressDecorations) return events;
      return new ThinkEvents(events, plan.request.stream, format === 'think_open');
    },
  };
}

class ThinkEvents implements GenerateEvents {
  readonly #events: GenerateEvents;
  readonly #stream: boolean;
  readonly #opened: boolean;
  /** By index of the choice; the gateway bounds those. */
  readonly #splitters = new Map<number, ThinkSplitter>();
  #after: router.GenerateEvent | undefined;

  constructor(events: GenerateEvents, stream: boolean, opened: boolean) {
    this.#events = events;
    this.#stream = stream;
    this.#opened = opened;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const after = this.#after;
    if (!after) return this.#events.next().then((result) => this.#take(result));
    this.#after = undefined;
    return Promise.resolve({ done: false, value: after });
  }

  return(): Promise<Result> {
    this.#after = undefined;
    return this.#events.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  #take(result: Result): Result | Promise<Result> {
    const event = result.value?.event;
    if (event?.$case === 'choices') {
      const choices = event.value.choices.flatMap((choice) =>
        this.#stream ? this.#pieces(choice) : this.#whole(choice),
      );
      // All of it is held back.
      if (choices.length === 0) return this.next();
      return { done: false, value: { event: { $case: 'choices', value: { ...event.value, choices } } } };
    }
    if (event?.$case !== 'finished' && event?.$case !== 'failure') return result;
    // An answer that ends without a finish reason still says what was held back.
    const choices = [...this.#splitters].flatMap(([index, splitter]) => split({ ...blank, index }, splitter.end()));
    if (choices.length === 0) return result;
    this.#after = result.value;
    return { done: false, value: { event: { $case: 'choices', value: { choices, usage: undefined } } } };
  }

  #splitter(index: number): ThinkSplitter {
    const known = this.#splitters.get(index);
    if (known) return known;
    const splitter = new ThinkSplitter(this.#opened);
    this.#splitters.set(index, splitter);
    return splitter;
  }

  #pieces(choice: chat.Choice): chat.Choice[] {
    const splitter = this.#splitter(choice.index);
    if (splitter.over) return [choice];
    const first = splitter.push(choice.content);
    // What comes with a call or the end comes after all text.
    const last = choice.finishReason !== '' || choice.toolCallsJson !== '' ? splitter.end() : undefined;
    return split(choice, {
      reasoning: first.reasoning + (last?.reasoning ?? ''),
      content: first.content + (last?.content ?? ''),
    });
  }

  #whole(choice: chat.Choice): chat.Choice[] {
    const splitter = new ThinkSplitter(this.#opened);
    const first = splitter.push(choice.content);
    const last = splitter.end();
    const reasoning = choice.reasoning + first.reasoning + last.reasoning;
    return [{ ...choice, reasoning, content: first.content + last.content }];
  }
}

const blank: chat.Choice = {
  ...{ index: 0, role: '', content: '', reasoning: '', toolCallsJson: '' },
  ...{ refusal: '', logprobsJson: '', finishReason: '', stopSequence: '', extraJson: '' },
};

/** A piece with reasoning before one with all the rest: clients take one of both at a time. */
function split(choice: chat.Choice, { reasoning, content }: { reasoning: string; content: string }): chat.Choice[] {
  const { index, role } = choice;
  const thought = choice.reasoning + reasoning;
  if (thought === '') return holdsAnything({ ...choice, content });
  return [
    { ...blank, index, role, reasoning: thought },
    ...holdsAnything({ ...choice, role: '', reasoning: '', content }),
  ];
}

function holdsAnything(choice: chat.Choice): chat.Choice[] {
  const { role, content, reasoning, toolCallsJson, refusal, logprobsJson, finishReason } = choice;
  return role + content + reasoning + toolCallsJson + refusal + logprobsJson + finishReason === '' ? [] : [choice];
}
