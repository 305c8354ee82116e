import { FlotillaError } from '@flotilla/kernel';
import { readBatch, type FrameSink, type StartFrame } from './batch-reader.ts';
import { BatchSender } from './batch-sender.ts';
import { decodeMessage } from './codec.ts';
import { LinkServerCall, type AnswerSink } from './link-server-call.ts';
import { linkLimits } from './link-limits.ts';
import { notServed, type Method } from './router.ts';
import type { ServerHost } from './server-host.ts';

/** Characters; longer names are no methods of ours. */
const longestPath = 256;

/**
 * The answering side of one link: takes batches, runs handlers, sends batches. It knows nothing of sockets, so that
 * tests can feed it any bytes.
 */
export class LinkServer implements FrameSink, AnswerSink {
  readonly #host: ServerHost;
  readonly #sender: BatchSender;
  readonly #calls = new Map<number, LinkServerCall>();
  readonly #methods: (string | Method)[] = [];
  /** Calls that wait until the link has sent more; a subset of `#calls`. */
  #straining = new Set<LinkServerCall>();
  #closed = false;

  /** `onRelief`: what was too much to send has been sent; reading may go on. */
  constructor(host: ServerHost, write: (batch: Uint8Array, done: () => void) => void, onRelief: () => void) {
    this.#host = host;
    this.#sender = new BatchSender(write, () => {
      const waiting = this.#straining;
      this.#straining = new Set();
      for (const call of waiting) call.wake();
      onRelief();
    });
  }

  /** Calls under way on this link. */
  get size(): number {
    return this.#calls.size;
  }

  /** True while so much waits to be sent that no more should be read. */
  get full(): boolean {
    return this.#sender.strained && this.#sender.backlog >= linkLimits.sendFullBytes;
  }

  /** Throws an `invalid_request` error when the peer does not speak the protocol; the link is of no use after that. */
  receive(batch: Uint8Array): void {
    if (this.#closed) return;
    try {
      readBatch(batch, this);
    } catch (cause) {
      throw new FlotillaError('invalid_request', 'The batch is not valid.', { cause });
    }
  }

  goaway(reason: string): void {
    if (this.#closed) return;
    this.#sender.writer.goaway(reason);
    this.#sender.schedule();
  }

  /** The peer left: nobody waits for the calls under way. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sender.close();
    for (const call of [...this.#calls.values()]) call.cancel(new FlotillaError('cancelled'));
  }

  onStart(callId: number, start: StartFrame): void {
    if (callId === 0 || this.#calls.has(callId)) throw new RangeError('the call id is in use');
    const method = this.#methodOf(start);
    const refusal = this.#refusal(method);
    if (refusal !== undefined || typeof method === 'string') {
      return this.#refuse(callId, refusal ?? notServed(method as string));
    }
    let request: unknown;
    const { reader, position, length } = start.request;
    try {
      reader.pos = position;
      request = decodeMessage(method.definition.requestType, reader, length);
    } catch (cause) {
      const error = new FlotillaError('invalid_request', `The request of ${method.path} cannot be decoded.`, { cause });
      return this.#refuse(callId, error);
    }
    const call = new LinkServerCall(this.#host, this, callId, method, start);
    this.#calls.set(callId, call);
    if (method.stream !== undefined) void call.runStream(method.stream, request);
    else void call.runUnary(method.unary!, request);
  }

  onCancel(callId: number): void {
    this.#calls.get(callId)?.cancel(new FlotillaError('cancelled'));
  }

  onCredit(callId: number, bytes: number): void {
    this.#calls.get(callId)?.addCredit(bytes);
  }

  // The caller's side sends none of these today; a later one may.
  onMessage(): void {}
  onEnd(): void {}
  onError(): void {}
  onGoaway(): void {}

  get strained(): boolean {
    return this.#sender.strained;
  }

  awaitRelief(call: LinkServerCall): void {
    this.#straining.add(call);
  }

  sendMessage(call: LinkServerCall, message: unknown): number {
    const size = this.#sender.writer.message(call.callId, call.method.definition.responseType, message);
    this.#sender.schedule();
    return size;
  }

  sendEnd(call: LinkServerCall): void {
    this.#sender.writer.end(call.callId);
    this.#sender.schedule();
  }

  sendError(call: LinkServerCall, error: FlotillaError): void {
    this.#sender.writer.error(call.callId, error, false);
    this.#sender.schedule();
  }

  forget(call: LinkServerCall): void {
    this.#calls.delete(call.callId);
    this.#straining.delete(call);
  }

  /** The method, or its path while nobody serves it. */
  #methodOf({ method: path, methodId }: StartFrame): string | Method {
    if (path !== '') {
      if (methodId >= linkLimits.methodsPerLink) throw new RangeError('too many methods');
      if (path.length > longestPath) throw new RangeError('the name of the method is too long');
      while (this.#methods.length < methodId) this.#methods.push('');
      this.#methods[methodId] = path;
    }
    const known = this.#methods[methodId];
    if (known === undefined || known === '') throw new RangeError('the method was never named');
    if (typeof known !== 'string') return known;
    const method = this.#host.router.find(known);
    if (method !== undefined) this.#methods[methodId] = method;
    return method ?? known;
  }

  #refusal(method: string | Method): FlotillaError | undefined {
    if (this.#host.refusal !== undefined) return this.#host.refusal;
    if (this.#calls.size >= linkLimits.callsPerLink) return new FlotillaError('overloaded');
    if (typeof method === 'string') return notServed(method);
    return method.unary === undefined && method.stream === undefined ? notServed(method.path) : undefined;
  }

  #refuse(callId: number, error: FlotillaError): void {
    this.#sender.writer.error(callId, error, true);
    this.#sender.schedule();
  }
}
