import type { chat, router } from '@flotilla/contracts';
import type { AnswerLayer, Ask, GenerateEvents, Plan } from '../generation/plan.ts';

/** Tells the client what was changed in its request, whoever answers it: an engine or the cache. */
export const noticeLayer: AnswerLayer = {
  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
    const events = next(plan, signal);
    return plan.notices === undefined ? events : new NoticedEvents(events, plan.notices);
  },
};

/** The events with notices after the first one that says who answers, or else before the first piece. */
class NoticedEvents implements GenerateEvents {
  readonly #events: GenerateEvents;
  readonly #waiting: router.GenerateEvent[];
  #held: IteratorResult<router.GenerateEvent, undefined> | undefined;
  #begun = false;

  constructor(events: GenerateEvents, notices: readonly chat.Notice[]) {
    this.#events = events;
    this.#waiting = notices.map((value) => ({ event: { $case: 'notice', value } }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): ReturnType<GenerateEvents['next']> {
    if (!this.#begun) return this.#events.next().then((result) => this.#first(result));
    const notice = this.#waiting.shift();
    if (notice) return Promise.resolve({ done: false, value: notice });
    const held = this.#held;
    if (!held) return this.#events.next();
    this.#held = undefined;
    return Promise.resolve(held);
  }

  return(): ReturnType<GenerateEvents['next']> {
    this.#begun = true;
    this.#waiting.length = 0;
    this.#held = undefined;
    return this.#events.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  #first(result: IteratorResult<router.GenerateEvent, undefined>): typeof result {
    const kind = result.done ? undefined : result.value.event?.$case;
    if (this.#begun || kind === undefined || kind === 'waiting') return result;
    this.#begun = true;
    if (kind === 'answerer') return result;
    this.#held = result;
    return { done: false, value: this.#waiting.shift()! };
  }
}
