import type { chat, router } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Engines, Running } from './engines.ts';
import type { Attempts } from './failover.ts';
import { GenerationRecord } from './generation-record.ts';
import { lateFailure, malformedFailure } from '../providers/engine-errors.ts';
import type { EngineCall, Receiver } from '../providers/exchange.ts';
import { EngineFailure, type AnswerDecoder } from '../providers/provider.ts';
import type { Plan } from './plan.ts';
import type { Target } from '../providers/target.ts';
import { estimatedUsage, pieceLength, promptLength } from './usage.ts';
import type { Watched } from './watchdog.ts';

type Event = router.GenerateEvent;
type Result = IteratorResult<Event, undefined>;

/** Bytes read from an engine that the caller has not taken yet, before reading stops until it does. */
const maxUnreadBytes = 64 << 10;
const ended: Result = { done: true, value: undefined };

/**
 * One Generate call: tries engines until one delivers a token, then passes on what it sends. Written as an iterator by
 * hand: a token costs one promise, and `return` aborts the engine at once, also while `next` waits.
 *
 * What came since the caller last asked goes out as one event, so a slow caller gets fewer and larger ones.
 */
export class Generation implements AsyncIterableIterator<Event, undefined>, Receiver, Running, Watched {
  readonly #engines: Engines;
  readonly #plan: Plan;
  readonly #request: router.GenerateRequest;
  readonly #attempts: Attempts;
  readonly #signal: AbortSignal;
  readonly #startedAt: number;
  readonly #record: GenerationRecord;
  #phase: 'new' | 'trying' | 'answering' | 'over' = 'new';

  #target: Target | undefined;
  #call: EngineCall | undefined;
  #decoder: AnswerDecoder | undefined;
  #attemptedAt = 0;
  #readAt = 0;
  #answerLength = 0;

  /** Events before the choices: who answers, and notices of failovers. */
  #head: Event[] = [];
  #notices: Event[] = [];
  #choices: chat.Choice[] = [];
  #unreadBytes = 0;
  #paused = false;
  #tail: Event | undefined;
  #error: FlotillaError | undefined;
  #resolve: ((result: Result) => void) | undefined;
  #reject: ((error: FlotillaError) => void) | undefined;

  constructor(engines: Engines, plan: Plan, signal: AbortSignal) {
    const { request, resolution } = plan;
    this.#engines = engines;
    this.#plan = plan;
    this.#request = request;
    this.#signal = signal;
    this.#attempts = engines.attempts(resolution, request.caller?.requestId ?? '');
    this.#startedAt = engines.clock.monotonic();
    this.#record = new GenerationRecord(resolution, request.stream, this.#startedAt);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#phase === 'new') this.#begin();
    const event = this.#take();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#phase === 'over') {
      const error = this.#error;
      this.#error = undefined;
      return error ? Promise.reject(error) : Promise.resolve(ended);
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<Result> {
    this.#cancel(new FlotillaError('cancelled'));
    this.#error = undefined;
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
    const { totalTimeoutMs, firstTokenTimeoutMs, idleTimeoutMs } = this.#target!.limits;
    if (now - this.#startedAt > totalTimeoutMs) {
      this.#broke(lateFailure(`The answer was not complete within ${totalTimeoutMs / 1_000} s.`, false));
    } else if (!this.#request.stream || this.#paused) {
      return;
    } else if (this.#phase === 'trying') {
      if (now - this.#attemptedAt <= firstTokenTimeoutMs) return;
      this.#broke(lateFailure(`The engine sent no token within ${firstTokenTimeoutMs / 1_000} s.`, true));
    } else if (now - this.#readAt > idleTimeoutMs) {
      this.#broke(lateFailure(`The engine sent nothing for ${idleTimeoutMs / 1_000} s.`, false));
    }
  }

  data(bytes: Buffer): void {
    const decoder = this.#decoder!;
    const choices = this.#choices;
    const before = choices.length;
    try {
      decoder.write(bytes, choices);
    } catch (error) {
      // What stood before the error in the same read was said, and goes out first.
      this.#count(before);
      this.#broke(asFailure(error));
      return;
    }
    this.#count(before);
    if (decoder.done) this.#finish();
    else if (choices.length > before) this.#read(bytes.length);
  }

  end(): void {
    const before = this.#choices.length;
    try {
      this.#decoder!.end(this.#choices);
    } catch (error) {
      this.#count(before);
      this.#broke(asFailure(error));
      return;
    }
    this.#count(before);
    this.#finish();
  }

  fail(failure: EngineFailure): void {
    this.#broke(failure);
  }

  #begin(): void {
    this.#phase = 'trying';
    if (this.#signal.aborted) return this.handleEvent();
    this.#signal.addEventListener('abort', this, { once: true });
    this.#engines.enter(this);
    this.#engines.watchdog.add(this);
    this.#record.begin();
    this.#attempt();
  }

  #attempt(): void {
    try {
      const target = this.#attempts.next();
      this.#target = target;
      const { endpoint, adapter } = target;
      const headers = target.headers(this.#request.caller?.requestId ?? '');
      this.#record.attempt(endpoint.facts, target.model, headers);
      this.#decoder = adapter.answer(this.#request.stream);
      this.#attemptedAt = this.#engines.clock.monotonic();
      this.#call = this.#engines.client.generate(target, this.#request, headers, this);
    } catch (error) {
      const refusal = toFlotillaError(error);
      // What this engine cannot do another may.
      if (refusal.code === 'capability_mismatch') this.#broke(new EngineFailure(refusal, { failover: true }));
      else this.#over(refusal);
    }
  }

  /** Takes note of the pieces from position `from` on; the first one that says something begins the answer. */
  #count(from: number): void {
    const choices = this.#choices;
    let length = 0;
    for (let i = from; i < choices.length; i += 1) length += pieceLength(choices[i]!);
    this.#answerLength += length;
    if (choices.length === from) return;
    this.#readAt = this.#engines.clock.monotonic();
    // A role alone is no token yet: until there is one another engine can take over.
    if (this.#phase === 'trying' && (length > 0 || choices.some((choice) => choice.finishReason !== '')))
      this.#answer();
  }

  #answer(): void {
    this.#phase = 'answering';
    this.#record.firstToken(this.#readAt);
    const { id, provider } = this.#target!.endpoint.facts;
    const value = {
      model: this.#plan.resolution.name,
      provider,
      endpoint: id,
      systemFingerprint: this.#decoder!.systemFingerprint,
      routing: { ...this.#plan.routing, attempts: this.#attempts.count },
    };
    this.#head = [{ event: { $case: 'answerer', value } }, ...this.#notices];
  }

  #read(bytes: number): void {
    if (this.#phase !== 'answering') return;
    if (this.#resolve) return this.#deliver();
    this.#unreadBytes += bytes;
    if (this.#unreadBytes < maxUnreadBytes || this.#paused) return;
    this.#paused = true;
    this.#call!.pause();
  }

  #take(): Event | undefined {
    if (this.#head.length > 0) return this.#head.shift();
    if (this.#choices.length > 0 && this.#phase !== 'trying') {
      const choices = this.#choices;
      this.#choices = [];
      this.#unreadBytes = 0;
      if (this.#paused) this.#resume();
      return { event: { $case: 'choices', value: { choices, usage: this.#decoder?.usage } } };
    }
    const tail = this.#tail;
    this.#tail = undefined;
    return tail;
  }

  #resume(): void {
    this.#paused = false;
    this.#readAt = this.#engines.clock.monotonic();
    this.#call?.resume();
  }

  /** Gives whoever waits in `next` what there is. */
  #deliver(): void {
    const resolve = this.#resolve;
    if (!resolve) return;
    const event = this.#take();
    if (event) {
      this.#resolve = this.#reject = undefined;
      resolve({ done: false, value: event });
    } else if (this.#phase === 'over') {
      const reject = this.#reject!;
      const error = this.#error;
      this.#resolve = this.#reject = this.#error = undefined;
      if (error) reject(error);
      else resolve(ended);
    }
  }

  #finish(): void {
    // An engine that ended well without a word still answered.
    if (this.#phase === 'trying') {
      this.#readAt = this.#engines.clock.monotonic();
      this.#answer();
    }
    const usage = this.#decoder!.usage ?? estimatedUsage(promptLength(this.#request.messages), this.#answerLength);
    this.#record.finished(usage, this.#readAt);
    this.#tail = { event: { $case: 'finished', value: { usage } } };
    this.#call!.release();
    this.#close(undefined);
  }

  #broke(failure: EngineFailure): void {
    this.#call?.abort();
    if (this.#phase === 'answering') {
      const { code, message } = failure.error;
      this.#tail = { event: { $case: 'failure', value: { code, message } } };
      this.#close(failure.error);
      return;
    }
    const target = this.#target!;
    if (!this.#attempts.failed(target, failure)) return this.#over(failure.error);
    this.#leaveTarget();
    this.#choices = [];
    this.#answerLength = 0;
    const message = 'An engine did not answer; the request went on to another one.';
    this.#notices = [...this.#notices, { event: { $case: 'notice', value: { code: 'failed_over', message } } }];
    this.#attempt();
  }

  #cancel(reason: FlotillaError): void {
    if (this.#phase === 'over') {
      this.#head = [];
      this.#choices = [];
      this.#tail = undefined;
      return;
    }
    this.#call?.abort();
    this.#head = [];
    this.#over(reason);
  }

  #over(error: FlotillaError): void {
    this.#choices = [];
    this.#error = error;
    this.#close(error);
  }

  #close(error: FlotillaError | undefined): void {
    this.#phase = 'over';
    if (error) this.#record.failed(error, this.#engines.clock.monotonic());
    this.#leaveTarget();
    this.#signal.removeEventListener('abort', this);
    this.#engines.watchdog.remove(this);
    this.#engines.leave(this);
    this.#call = undefined;
    this.#deliver();
  }

  #leaveTarget(): void {
    if (!this.#target) return;
    this.#attempts.left(this.#target);
    this.#record.attemptEnded();
    this.#target = undefined;
  }
}

function asFailure(error: unknown): EngineFailure {
  return typeof error === 'object' && error !== null && error instanceof EngineFailure
    ? error
    : malformedFailure('an answer that cannot be read', error);
}
