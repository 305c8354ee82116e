import { context } from '@opentelemetry/api';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { abandon } from './abandon.ts';
import type { CallOptions } from './definition.ts';
import { InboundCall, SignalTie } from './inbound-call.ts';
import { notServed, type Method, type StreamHandler, type UnaryHandler } from './router.ts';
import type { ServerHost } from './server-host.ts';
import { endSpan, spanFromActive, type ServerSpan } from './trace.ts';

/** Both ends of a call within one process. */
abstract class MemoryCall extends InboundCall {
  protected readonly host: ServerHost;
  protected readonly method: Method;
  protected span: ServerSpan | undefined;
  #tie: SignalTie | undefined;
  #started = -1;

  constructor(host: ServerHost, method: Method, timeoutMs: number, metadata?: Readonly<Record<string, string>>) {
    super(host.wheel, timeoutMs, metadata);
    this.host = host;
    this.method = method;
  }

  /** Returns why the call cannot begin. */
  protected begin(signal: AbortSignal | undefined): FlotillaError | undefined {
    if (this.host.refusal !== undefined) return this.host.refusal;
    if (signal !== undefined) {
      this.#tie = new SignalTie(signal, this);
      if (signal.aborted) this.#tie.handleEvent();
    }
    if (this.reason === undefined && this.remainingMs() <= 0) this.expire();
    if (this.reason !== undefined) return this.reason;
    if (this.host.observer !== undefined) this.#started = this.wheel.now();
    this.span = spanFromActive(this.method.path);
    this.host.inFlight.enter();
    return undefined;
  }

  /** The handler is done: with a result, or the error given. */
  protected end(error: FlotillaError | undefined): void {
    this.release();
    this.host.inFlight.leave();
    if (this.span !== undefined) endSpan(this.span, error);
    if (this.#started >= 0) {
      const seconds = (this.wheel.now() - this.#started) / 1_000;
      this.host.observer!.onCall(this.method.path, 'client', error?.code ?? 'ok', seconds);
      this.host.observer!.onCall(this.method.path, 'server', error?.code ?? 'ok', seconds);
    }
  }

  /** The caller has its answer. */
  protected release(): void {
    this.finish();
    this.#tie?.release();
    this.#tie = undefined;
  }
}

export class MemoryUnary extends MemoryCall {
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: FlotillaError) => void;

  constructor(host: ServerHost, method: Method, timeoutMs: number, request: unknown, options: CallOptions | undefined) {
    super(host, method, timeoutMs, options?.metadata);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const handler = method.unary;
    const refusal = handler === undefined ? notServed(method.path) : this.begin(options?.signal);
    if (refusal === undefined) void this.#run(handler!, request);
    else {
      this.release();
      this.#reject(refusal);
    }
  }

  override cancel(reason: FlotillaError): void {
    if (this.reason !== undefined) return;
    super.cancel(reason);
    this.release();
    this.#reject(reason);
  }

  async #run(handler: UnaryHandler, request: unknown): Promise<void> {
    try {
      const answer = this.span
        ? await context.with(this.span.context, handler, undefined, request, this)
        : await handler(request, this);
      this.end(undefined);
      this.#resolve(answer);
    } catch (cause) {
      const error = toFlotillaError(cause);
      this.end(this.reason ?? error);
      this.#reject(error);
    }
  }
}

const ended: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined });

/** A stream of messages, pulled from the handler one by one: nothing is buffered. */
export class MemoryStream extends MemoryCall implements AsyncIterableIterator<unknown> {
  readonly #request: unknown;
  readonly #signal: AbortSignal | undefined;
  #source: AsyncIterator<unknown> | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';
  #resolve: ((result: IteratorResult<unknown>) => void) | undefined;
  #reject: ((error: FlotillaError) => void) | undefined;

  constructor(host: ServerHost, method: Method, timeoutMs: number, request: unknown, options: CallOptions | undefined) {
    super(host, method, timeoutMs, options?.metadata);
    this.#request = request;
    this.#signal = options?.signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#state === 'closed') return Promise.resolve(ended);
    if (this.#resolve !== undefined) return Promise.reject(new FlotillaError('internal', 'One read at a time.'));
    if (this.#state === 'new') {
      const refusal = this.method.stream === undefined ? notServed(this.method.path) : this.begin(this.#signal);
      if (refusal !== undefined) {
        this.#state = 'closed';
        this.release();
        return Promise.reject(refusal);
      }
      this.#state = 'open';
    }
    if (this.reason !== undefined) {
      this.#state = 'closed';
      return Promise.reject(this.reason);
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.span) context.with(this.span.context, () => this.#pull());
      else this.#pull();
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    if (this.#state === 'open') this.cancel(new FlotillaError('cancelled'));
    this.#state = 'closed';
    this.release();
    return Promise.resolve(ended);
  }

  override cancel(reason: FlotillaError): void {
    if (this.reason !== undefined) return;
    super.cancel(reason);
    if (this.#state !== 'open') return;
    this.end(reason);
    const reject = this.#reject;
    this.#settle();
    if (reject !== undefined) {
      this.#state = 'closed';
      reject(reason);
    }
    abandon(this.#source);
  }

  #pull(): void {
    try {
      this.#source ??= (this.method.stream as StreamHandler)(this.#request, this)[Symbol.asyncIterator]();
      this.#source.next().then(this.#onResult, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #onResult = (result: IteratorResult<unknown>): void => {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#settle();
    if (result.done) {
      this.#state = 'closed';
      this.end(undefined);
    }
    resolve(result);
  };

  readonly #onError = (cause: unknown): void => {
    const reject = this.#reject;
    if (reject === undefined) return;
    this.#settle();
    this.#state = 'closed';
    const error = toFlotillaError(cause);
    this.end(error);
    reject(error);
  };

  #settle(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}
