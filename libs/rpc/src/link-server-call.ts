import { context } from '@opentelemetry/api';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { abandon } from './abandon.ts';
import type { StartFrame } from './batch-reader.ts';
import { InboundCall } from './inbound-call.ts';
import { linkLimits } from './link-limits.ts';
import type { Method, StreamHandler, UnaryHandler } from './router.ts';
import type { ServerHost } from './server-host.ts';
import { endSpan, spanFromTraceparent, type ServerSpan } from './trace.ts';

/** The link's half that sends what a call has to say. */
export interface AnswerSink {
  /** True while handlers should not be asked for more. */
  readonly strained: boolean;
  /** Returns the size of the message in bytes. Throws when it cannot be encoded. */
  sendMessage(call: LinkServerCall, message: unknown): number;
  sendEnd(call: LinkServerCall): void;
  sendError(call: LinkServerCall, error: FlotillaError): void;
  awaitRelief(call: LinkServerCall): void;
  /** No more frames for this call. */
  forget(call: LinkServerCall): void;
}

/** One call that came over a link. */
export class LinkServerCall extends InboundCall {
  readonly callId: number;
  readonly method: Method;
  readonly #host: ServerHost;
  readonly #sink: AnswerSink;
  readonly #span: ServerSpan | undefined;
  readonly #started: number;
  #credit: number;
  #wake: (() => void) | undefined;
  #source: AsyncIterator<unknown> | undefined;

  constructor(host: ServerHost, sink: AnswerSink, callId: number, method: Method, start: StartFrame) {
    super(host.wheel, start.timeoutMs, start.metadata);
    this.callId = callId;
    this.method = method;
    this.#host = host;
    this.#sink = sink;
    this.#credit = start.initialCredit || linkLimits.creditBytes;
    this.#span = spanFromTraceparent(method.path, start.traceparent);
    this.#started = host.observer === undefined ? 0 : host.wheel.now();
    host.inFlight.enter();
  }

  async runUnary(handler: UnaryHandler, request: unknown): Promise<void> {
    let error: FlotillaError | undefined;
    try {
      const answer = this.#span
        ? await context.with(this.#span.context, handler, undefined, request, this)
        : await handler(request, this);
      if (this.reason === undefined) this.#sink.sendMessage(this, answer);
    } catch (cause) {
      error = toFlotillaError(cause);
      if (this.reason === undefined) this.#sink.sendError(this, error);
    }
    this.#end(error);
  }

  async runStream(handler: StreamHandler, request: unknown): Promise<void> {
    let error: FlotillaError | undefined;
    try {
      // The handler's code runs when it is pulled, so the whole loop belongs to the trace.
      await (this.#span
        ? context.with(this.#span.context, () => this.#relay(handler, request))
        : this.#relay(handler, request));
    } catch (cause) {
      error = toFlotillaError(cause);
      if (this.reason === undefined) this.#sink.sendError(this, error);
      abandon(this.#source);
    }
    this.#end(error);
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > 0) this.wake();
  }

  /** Looks again whether it may send. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  override expire(): void {
    const late = new FlotillaError('deadline_exceeded');
    if (this.reason === undefined) this.#sink.sendError(this, late);
    this.cancel(late);
  }

  override cancel(reason: FlotillaError): void {
    if (this.reason !== undefined) return;
    super.cancel(reason);
    this.#sink.forget(this);
    this.wake();
    abandon(this.#source);
  }

  async #relay(handler: StreamHandler, request: unknown): Promise<void> {
    this.#source = handler(request, this)[Symbol.asyncIterator]();
    for (;;) {
      while ((this.#credit <= 0 || this.#sink.strained) && this.reason === undefined) await this.#room();
      if (this.reason !== undefined) return;
      const result = await this.#source.next();
      if (this.reason !== undefined) return;
      if (result.done) return this.#sink.sendEnd(this);
      this.#credit -= this.#sink.sendMessage(this, result.value);
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#credit > 0) this.#sink.awaitRelief(this);
    });
  }

  #end(error: FlotillaError | undefined): void {
    this.finish();
    this.#sink.forget(this);
    this.#host.inFlight.leave();
    const outcome = this.reason ?? error;
    if (this.#span !== undefined) endSpan(this.#span, outcome);
    if (this.#host.observer !== undefined) {
      const seconds = (this.wheel.now() - this.#started) / 1_000;
      this.#host.observer.onCall(this.method.path, 'server', outcome?.code ?? 'ok', seconds);
    }
  }
}
