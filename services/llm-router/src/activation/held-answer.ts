import type { router } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import type { Ask, GenerateEvents, Plan } from '../generation/plan.ts';

type Event = router.GenerateEvent;
type Result = IteratorResult<Event, undefined>;

/** How often who is held is told so: edges keep their connections open with it. Milliseconds. */
const waitingEveryMs = 5_000;
/** How often a request is put to an engine that was taken away under it, before its first token. */
const maxTries = 3;

const ended: Result = { done: true, value: undefined };
const waiting: Event = { event: { $case: 'waiting', value: { reason: 'model_starting' } } };
const started: Event = {
  event: { $case: 'notice', value: { code: 'model_started', message: 'The model was not running and was started.' } },
};

/** What an engine that has just been stopped, or that another has taken the address of, makes of a request. */
const takenAway: ReadonlySet<string> = new Set(['engine_unavailable', 'engine_error', 'model_not_found']);

export interface HeldAnswerOptions {
  readonly plan: Plan;
  readonly next: Ask;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The plan to ask once an engine is ready; undefined: one is. `again`: what was known of the engines was wrong. */
  hold(plan: Plan, again: boolean, signal: AbortSignal): Promise<Plan> | undefined;
}

/**
 * The answer of an engine that may have to be started first: until it is there, events that say so. Before its first event it
 * is asked for anew when its engine was taken away; after that it is the engine's own.
 */
export class HeldAnswer implements GenerateEvents {
  readonly #options: HeldAnswerOptions;
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  #plan: Plan;
  #held: Promise<Plan> | undefined;
  #inner: GenerateEvents | undefined;
  /** The first event came: nothing stands between the caller and the engine any more. */
  #answering = false;
  #wasHeld = false;
  #told = false;
  #tries = 0;

  constructor(options: HeldAnswerOptions) {
    this.#options = options;
    this.#plan = options.plan;
    this.#signal = AbortSignal.any([options.signal, this.#left.signal]);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#answering && !this.#wasHeld) return this.#inner!.next();
    return this.#step();
  }

  return(): Promise<Result> {
    this.#left.abort(new FlotillaError('cancelled'));
    return this.#inner?.return?.() ?? Promise.resolve(ended);
  }

  async #step(): Promise<Result> {
    if (this.#answering) {
      this.#wasHeld = false;
      return { done: false, value: started };
    }
    for (;;) {
      if (this.#left.signal.aborted) return ended;
      if (!this.#inner) {
        this.#held ??= this.#options.hold(this.#plan, this.#tries > 0, this.#signal);
        if (this.#held && !(await this.#arrived(this.#held))) return { done: false, value: waiting };
        this.#inner = this.#options.next(this.#plan, this.#signal);
        this.#tries += 1;
      }
      try {
        const result = await this.#inner.next();
        this.#answering = true;
        if (result.done) this.#wasHeld = false;
        return result;
      } catch (error) {
        if (this.#tries >= maxTries || !takenAway.has(toFlotillaError(error).code)) throw error;
        this.#inner = undefined;
      }
    }
  }

  /** False: not yet, and it is time to say so. */
  async #arrived(held: Promise<Plan>): Promise<boolean> {
    const first = !this.#told;
    this.#told = this.#wasHeld = true;
    if (first) {
      held.catch(() => undefined);
      return false;
    }
    let timer: Timer | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.#options.clock.after(waitingEveryMs, () => resolve(undefined));
    });
    try {
      const plan = await Promise.race([held, late]);
      if (!plan) return false;
      this.#plan = plan;
      this.#held = undefined;
      return true;
    } finally {
      timer?.cancel();
    }
  }
}
