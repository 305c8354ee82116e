import type { chat, common, router } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError, type Timer } from '@flotilla/kernel';
import { Attempt, type Continuing, type Trier } from './attempt.ts';
import { Continuation } from './continuation.ts';
import type { Engines, Running } from './engines.ts';
import { EventQueue, ended, type Event, type Result } from './event-queue.ts';
import { Attempts } from './failover.ts';
import { GenerationRecord } from './generation-record.ts';
import { mayHedge } from './hedging.ts';
import { hedges } from './metrics.ts';
import type { Plan } from './plan.ts';
import { lateFailure } from '../providers/engine-errors.ts';
import type { EngineFailure } from '../providers/provider.ts';
import type { Target } from '../providers/target.ts';
import { pieceLength } from './usage.ts';
import type { Watched } from '../providers/watchdog.ts';

/**
 * One Generate call: tries engines until one delivers a token, then passes on what it sends; where its engine fails and
 * another one can honestly go on, that one does. Written as an iterator by hand: `return` aborts the engine at once, also
 * while `next` waits.
 *
 * What came since the caller last asked goes out as one event, so a slow caller gets fewer and larger ones.
 */
export class Generation implements AsyncIterableIterator<Event, undefined>, Trier, Running, Watched {
  readonly #engines: Engines;
  readonly #plan: Plan;
  readonly #request: router.GenerateRequest;
  readonly #attempts: Attempts;
  readonly #signal: AbortSignal;
  readonly #startedAt: number;
  readonly #record: GenerationRecord;
  readonly #queue = new EventQueue();
  readonly #continuation: Continuation;
  #phase: 'new' | 'trying' | 'answering' | 'over' = 'new';

  /** Engines that are asked now: one; two where it is hedged; none in the pause before one is asked again. */
  readonly #tries: Attempt[] = [];
  /** Before an engine is asked again. */
  #pause: { readonly target: Target; readonly timer: Timer } | undefined;
  /** The second of two. */
  #hedge: Attempt | undefined;
  /** Of the engine asked last. */
  #totalMs = Infinity;
  #toldAt: number;
  #notices: Event[] = [];

  constructor(engines: Engines, plan: Plan, signal: AbortSignal) {
    const { request, resolution } = plan;
    this.#engines = engines;
    this.#plan = plan;
    this.#request = request;
    this.#signal = signal;
    this.#attempts = new Attempts(engines, resolution, request.caller?.requestId ?? '', request);
    this.#startedAt = this.#toldAt = engines.clock.monotonic();
    this.#record = new GenerationRecord(plan, this.#startedAt, engines.onOutcome);
    this.#continuation = new Continuation(engines, request, this.#attempts);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#phase === 'new') this.#begin();
    return this.#queue.next();
  }

  return(): Promise<Result> {
    this.#cancel(new FlotillaError('cancelled'));
    this.#queue.forgive();
    return Promise.resolve(ended);
  }

  /** The caller's signal aborted. */
  handleEvent(): void {
    this.#cancel(toFlotillaError(this.#signal.reason));
  }

  abandon(): void {
    this.#cancel(new FlotillaError('unavailable', 'The router is shutting down.'));
  }

  check(now: number): void {
    if (now - this.#startedAt > this.#totalMs) return this.#tooLate();
    for (let i = this.#tries.length - 1; i >= 0; i -= 1) {
      const attempt = this.#tries[i];
      const failure = attempt?.late(now);
      if (failure) attempt!.fail(failure);
    }
    if (this.#phase === 'trying') this.#hedgeIfLate(now);
    this.#tellOfWaiting(now);
  }

  came(attempt: Attempt, from: number, bytes: number): void {
    // A role alone is no token yet: until there is one another engine can take over.
    if (!attempt.begun) {
      if (!says(attempt.choices, from)) return;
      this.#firstToken(attempt);
    }
    this.#continuation.said.add(attempt.choices, from);
    if (this.#queue.awaited) this.#queue.deliver();
    else attempt.unread(bytes);
  }

  completed(attempt: Attempt): void {
    // An engine that ended well without a word still answered.
    if (!attempt.begun) {
      attempt.readAt = this.#engines.clock.monotonic();
      this.#firstToken(attempt);
    }
    this.#left(attempt);
    this.#attempts.ended(attempt.target, 'answered');
    this.#finish(this.#continuation.usage(attempt), attempt.readAt);
  }

  broke(attempt: Attempt, failure: EngineFailure): void {
    this.#left(attempt);
    this.#record.engineFailed();
    const again = this.#attempts.failed(attempt.target, failure, this.#phase === 'answering');
    if (this.#phase === 'answering') this.#goOn(attempt, failure);
    else if (this.#tries.length === 0) this.#tryAnother(again, failure.error);
  }

  #begin(): void {
    this.#phase = 'trying';
    if (this.#signal.aborted) return this.handleEvent();
    this.#signal.addEventListener('abort', this, { once: true });
    this.#engines.enter(this);
    this.#engines.watchdog.add(this);
    this.#record.begin();
    this.#try();
  }

  #try(): void {
    let target: Target;
    try {
      target = this.#attempts.next();
    } catch (error) {
      return this.#over(toFlotillaError(error));
    }
    const ms = this.#attempts.pauseBefore(target);
    if (ms === 0) return void this.#ask(target, this.#request);
    const timer = this.#engines.clock.after(ms, () => {
      this.#pause = undefined;
      this.#ask(target, this.#request);
    });
    this.#pause = { target, timer };
  }

  #tryAnother(again: boolean, error: FlotillaError): void {
    if (!again) return this.#over(error);
    const message = 'An engine did not answer; the request went on to another one.';
    this.#notices.push({ event: { $case: 'notice', value: { code: 'failed_over', message } } });
    this.#try();
  }

  /** Returns the attempt unless it failed at once. */
  #ask(target: Target, request: router.GenerateRequest, continuing?: Continuing): Attempt {
    const headers = target.headers(request.caller?.requestId ?? '');
    const metrics = this.#record.attempt(target.endpoint.facts, target.model, headers);
    const attempt = new Attempt(this.#engines, this, target, metrics, request.stream, continuing);
    this.#totalMs = target.limits.totalTimeoutMs;
    this.#tries.push(attempt);
    if (continuing) this.#queue.readFrom(attempt);
    try {
      attempt.start(request, headers);
    } catch (error) {
      this.#refused(attempt, toFlotillaError(error));
    }
    return attempt;
  }

  /** The request could not be put to this engine. What it cannot do another may. */
  #refused(attempt: Attempt, error: FlotillaError): void {
    attempt.abort();
    this.#left(attempt);
    const again = this.#attempts.refused(attempt.target, error);
    if (this.#phase === 'answering') this.#fail(error);
    else if (this.#tries.length === 0) this.#tryAnother(again, error);
  }

  #firstToken(attempt: Attempt): void {
    attempt.begun = true;
    const { target, readAt } = attempt;
    const { picker, hedgeDelays, config } = this.#engines;
    const { name, listed } = this.#plan.resolution;
    if (this.#request.stream) {
      picker.firstToken(target, readAt - attempt.startedAt, this.#request);
      if (config.hedge !== 'off' && listed) hedgeDelays.firstToken(name, readAt - attempt.startedAt);
    }
    if (this.#phase === 'answering') return;
    if (this.#hedge) hedges.add(1, { first: attempt === this.#hedge ? 'second' : 'first' });
    for (const other of [...this.#tries]) if (other !== attempt) this.#abort(other);
    this.#phase = 'answering';
    const price = this.#attempts.routeOf(target)?.price;
    this.#record.firstToken(attempt.metrics, readAt, price);
    const { id, provider } = target.endpoint.facts;
    const value = {
      model: name,
      provider,
      endpoint: id,
      systemFingerprint: attempt.systemFingerprint,
      routing: { ...this.#plan.routing, attempts: this.#attempts.count },
      price,
    };
    this.#queue.readFrom(attempt);
    this.#queue.push({ event: { $case: 'answerer', value } }, ...this.#notices);
  }

  /** The engine that answered failed: another one goes on, or the answer ends with an explicit failure. */
  #goOn(attempt: Attempt, failure: EngineFailure): void {
    const next = this.#continuation.after(attempt, failure);
    if (next === undefined) return this.#fail(failure.error);
    this.#queue.readFrom(undefined);
    if (next === 'complete') {
      const choices = [{ ...nothing, finishReason: 'length' }];
      this.#queue.push({ event: { $case: 'choices', value: { choices, usage: undefined } } });
      return this.#finish(this.#continuation.usage(attempt), attempt.readAt);
    }
    this.#record.note('continued');
    const message = 'The engine failed in the middle of the answer; another one goes on with it.';
    this.#queue.push({ event: { $case: 'notice', value: { code: 'continued', message } } });
    this.#queue.deliver();
    this.#ask(next.target, next.request, next.continuing);
  }

  #hedgeIfLate(now: number): void {
    const [first] = this.#tries;
    const { config, hedgeDelays } = this.#engines;
    if (config.hedge === 'off' || this.#hedge || !first || !this.#request.stream) return;
    const delay = hedgeDelays.of(this.#plan.resolution.name);
    if (delay === undefined || now - first.startedAt < delay || !mayHedge(config, first.target)) return;
    const target = this.#attempts.hedge((other) => mayHedge(config, other));
    if (target) this.#hedge = this.#ask(target, this.#request);
  }

  #tellOfWaiting(now: number): void {
    if (!this.#queue.awaited || now - this.#toldAt < this.#engines.config.waitingEveryMs) return;
    this.#toldAt = now;
    if (this.#tries.some((attempt) => attempt.begun)) return;
    this.#queue.push({ event: { $case: 'waiting', value: { reason: 'no_token_yet' } } });
    this.#queue.deliver();
  }

  #finish(usage: common.Usage, at: number): void {
    this.#record.finished(usage, at);
    this.#end({ event: { $case: 'finished', value: { usage } } }, undefined);
  }

  /** Ends an answer that began. */
  #fail(error: FlotillaError): void {
    const { code, message } = error;
    this.#record.failed(error, this.#engines.clock.monotonic());
    this.#end({ event: { $case: 'failure', value: { code, message } } }, undefined);
  }

  /** Ends a request without an answer. */
  #over(error: FlotillaError): void {
    this.#record.failed(error, this.#engines.clock.monotonic());
    this.#queue.clear();
    this.#end(undefined, error);
  }

  #cancel(reason: FlotillaError): void {
    if (this.#phase === 'over') return this.#queue.clear();
    this.#abortAll();
    this.#over(reason);
  }

  #tooLate(): void {
    const { error } = lateFailure(`The answer was not complete within ${this.#totalMs / 1_000} s.`, false);
    this.#abortAll('failed');
    if (this.#phase === 'answering') this.#fail(error);
    else this.#over(error);
  }

  #abortAll(outcome: 'cancelled' | 'failed' = 'cancelled'): void {
    for (const attempt of [...this.#tries]) this.#abort(attempt, outcome);
    if (!this.#pause) return;
    this.#pause.timer.cancel();
    this.#attempts.ended(this.#pause.target, 'cancelled');
    this.#pause = undefined;
  }

  #abort(attempt: Attempt, outcome: 'cancelled' | 'failed' = 'cancelled'): void {
    attempt.abort();
    this.#left(attempt);
    this.#attempts.ended(attempt.target, outcome);
  }

  #left(attempt: Attempt): void {
    this.#tries.splice(this.#tries.indexOf(attempt), 1);
    attempt.metrics.inFlight.add(-1);
  }

  #end(tail: Event | undefined, error: FlotillaError | undefined): void {
    this.#phase = 'over';
    this.#signal.removeEventListener('abort', this);
    this.#engines.watchdog.remove(this);
    this.#engines.leave(this);
    this.#queue.end(tail, error);
  }
}

function says(choices: readonly chat.Choice[], from: number): boolean {
  for (let i = from; i < choices.length; i += 1) {
    if (pieceLength(choices[i]!) > 0 || choices[i]!.finishReason !== '') return true;
  }
  return false;
}

const nothing: chat.Choice = {
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
