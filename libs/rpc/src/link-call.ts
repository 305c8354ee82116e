import { FlotillaError, type ErrorCode } from '@flotilla/kernel';
import type { DeadlineWheel, Expiring } from './deadlines.ts';
import type { CallOptions } from './definition.ts';
import { SignalTie, type Cancellable } from './inbound-call.ts';
import type { ClientLink } from './link-client.ts';
import type { RpcObserver } from './network-options.ts';
import type { Method } from './router.ts';
import { activeTraceparent } from './trace.ts';

/** Finds links for calls; LinkPool in production. */
export interface Dispatcher {
  readonly wheel: DeadlineWheel;
  readonly observer: RpcObserver | undefined;
  /** Starts the call on a link, now or when there is one; ends it with an error when there is none in time. */
  dispatch(call: LinkCall): void;
  /** The call ended before it found a link. */
  forget(call: LinkCall): void;
  /** Whether the call may be tried once more, within the budget. */
  mayRetry(call: LinkCall): boolean;
  noLink(): FlotillaError;
}

/** Starts of one call, the first included. */
const mostAttempts = 3;

/** The caller's side of a call over links. */
export abstract class LinkCall implements Expiring, Cancellable {
  readonly method: Method;
  readonly request: unknown;
  readonly deadline: number;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly traceparent: string;
  /** Where it is under way, while it is. */
  link: ClientLink | undefined;
  callId = 0;
  attempts = 0;
  /** The address where it failed last; another is better for the next attempt. */
  failedAt: string | undefined;
  wheelSlot = -1;
  wheelIndex = -1;
  protected over = false;
  protected readonly dispatcher: Dispatcher;
  readonly #started: number;
  #tie: SignalTie | undefined;

  constructor(dispatcher: Dispatcher, method: Method, timeoutMs: number, request: unknown, options?: CallOptions) {
    this.dispatcher = dispatcher;
    this.method = method;
    this.request = request;
    this.#started = dispatcher.wheel.now();
    this.deadline = this.#started + timeoutMs;
    this.metadata = options?.metadata;
    this.traceparent = activeTraceparent();
  }

  /** Milliseconds left; Infinity without a deadline. */
  get remainingMs(): number {
    return this.deadline === Infinity ? Infinity : this.deadline - this.dispatcher.wheel.now();
  }

  /** Decodes and takes a message of `size` bytes. */
  abstract onMessage(message: unknown, size: number): void;
  /** The stream ended well. */
  abstract onEnd(): void;
  /** The caller is told of the error. */
  protected abstract reject(error: FlotillaError): void;
  /** Nothing of the answer reached the caller yet, so that a second try cannot be noticed. */
  protected abstract get untouched(): boolean;

  expire(): void {
    this.cancel(this.link === undefined ? this.dispatcher.noLink() : late());
  }

  /** Ends it here and, when it is under way, in the handler. */
  cancel(reason: FlotillaError): void {
    if (this.over) return;
    if (this.link === undefined) this.dispatcher.forget(this);
    else this.link.cancel(this);
    this.fail(reason);
  }

  /** The link or the handler failed it. `notStarted`: no handler saw it. */
  onFailure(error: FlotillaError, notStarted: boolean): void {
    if (this.over) return;
    this.failedAt = this.link?.address;
    this.link = undefined;
    const retriable = error.code === 'unavailable' && this.untouched && this.attempts < mostAttempts;
    if (retriable && (notStarted || repeatable(this.method)) && this.dispatcher.mayRetry(this)) {
      this.dispatcher.dispatch(this);
    } else this.fail(error);
  }

  fail(error: FlotillaError): void {
    if (this.over) return;
    this.finish(error.code);
    this.reject(error);
  }

  protected begin(signal: AbortSignal | undefined): void {
    if (signal !== undefined) {
      this.#tie = new SignalTie(signal, this);
      if (signal.aborted) return this.#tie.handleEvent();
    }
    if (this.remainingMs <= 0) return this.fail(late());
    this.dispatcher.wheel.add(this);
    this.dispatcher.dispatch(this);
  }

  protected finish(code: ErrorCode | 'ok'): void {
    this.over = true;
    this.link = undefined;
    this.dispatcher.wheel.remove(this);
    this.#tie?.release();
    const { observer } = this.dispatcher;
    if (observer !== undefined) {
      observer.onCall(this.method.path, 'client', code, (this.dispatcher.wheel.now() - this.#started) / 1_000);
    }
  }
}

export class LinkUnary extends LinkCall {
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: FlotillaError) => void;

  constructor(dispatcher: Dispatcher, method: Method, timeoutMs: number, request: unknown, options?: CallOptions) {
    super(dispatcher, method, timeoutMs, request, options);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.begin(options?.signal);
  }

  onMessage(message: unknown): void {
    this.link?.forget(this);
    this.finish('ok');
    this.#resolve(message);
  }

  onEnd(): void {
    this.fail(new FlotillaError('internal', `${this.method.path} ended without an answer.`));
  }

  protected reject(error: FlotillaError): void {
    this.#reject(error);
  }

  protected get untouched(): boolean {
    return true;
  }
}

const ended: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined });

/** A stream that is read. What came ahead of the reader waits here, bounded by the call's credit and one message. */
export class LinkStream extends LinkCall implements AsyncIterableIterator<unknown> {
  readonly #signal: AbortSignal | undefined;
  /** Messages and, in step, their sizes; read from `#head`. */
  #messages: unknown[] = [];
  #sizes: number[] = [];
  #head = 0;
  #begun = false;
  #touched = false;
  #error: FlotillaError | undefined;
  #resolve: ((result: IteratorResult<unknown>) => void) | undefined;
  #reject: ((error: FlotillaError) => void) | undefined;

  constructor(dispatcher: Dispatcher, method: Method, timeoutMs: number, request: unknown, options?: CallOptions) {
    super(dispatcher, method, timeoutMs, request, options);
    this.#signal = options?.signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#head < this.#messages.length) return Promise.resolve(this.#take());
    if (!this.#begun) {
      this.#begun = true;
      this.begin(this.#signal);
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.over) return Promise.resolve(ended);
    if (this.#resolve !== undefined) return Promise.reject(new FlotillaError('internal', 'One read at a time.'));
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    if (this.#begun && !this.over) this.cancel(new FlotillaError('cancelled'));
    this.#begun = true;
    this.over = true;
    this.#error = undefined;
    this.#messages = [];
    this.#head = 0;
    return Promise.resolve(ended);
  }

  onMessage(message: unknown, size: number): void {
    this.#touched = true;
    const resolve = this.#resolve;
    if (resolve === undefined) {
      this.#messages.push(message);
      this.#sizes.push(size);
      return;
    }
    this.#settle();
    this.link?.consumed(this, size);
    resolve({ done: false, value: message });
  }

  onEnd(): void {
    this.link?.forget(this);
    this.finish('ok');
    const resolve = this.#resolve;
    this.#settle();
    resolve?.(ended);
  }

  protected reject(error: FlotillaError): void {
    const reject = this.#reject;
    this.#settle();
    if (reject !== undefined) reject(error);
    else this.#error = error;
  }

  protected get untouched(): boolean {
    return !this.#touched;
  }

  #take(): IteratorResult<unknown> {
    const head = this.#head;
    const value = this.#messages[head];
    this.link?.consumed(this, this.#sizes[head]!);
    this.#head = head + 1;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#sizes = [];
      this.#head = 0;
    } else this.#messages[head] = undefined;
    return { done: false, value };
  }

  #settle(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}

function late(): FlotillaError {
  return new FlotillaError('deadline_exceeded');
}

function repeatable({ definition }: Method): boolean {
  const level = definition.options.idempotencyLevel;
  return level === 'NO_SIDE_EFFECTS' || level === 'IDEMPOTENT';
}
