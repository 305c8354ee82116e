import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { readBatch, type FrameSink } from './batch-reader.ts';
import { BatchSender } from './batch-sender.ts';
import { decodeMessage } from './codec.ts';
import type { LinkCall } from './link-call.ts';
import { linkLimits } from './link-limits.ts';
import type { Method } from './router.ts';

/** After these a link is replaced: ids are 32 bits and never used twice. */
const lastCallId = 0xffff_0000;

/** One call's place on this link. */
interface Entry {
  readonly call: LinkCall;
  /** Bytes the peer may send before the reader takes some. */
  readonly window: number;
  /** What of it is left. Below zero by less than one message. */
  credit: number;
  /** Taken by the reader and not given back yet. */
  consumed: number;
}

/**
 * The calling side of one link: numbers calls, sends batches, hands answers to their calls. It knows nothing of
 * sockets and does not retry.
 */
export class ClientLink implements FrameSink {
  readonly address: string;
  readonly #sender: BatchSender;
  readonly #onDraining: () => void;
  readonly #onIdle: () => void;
  readonly #calls = new Map<number, Entry>();
  readonly #methodIds = new Map<Method, number>();
  #nextCallId = 1;
  #draining = false;
  #closed = false;

  /** `onDraining`: no new calls here, open another; `onIdle`: draining, and the last call has ended. */
  constructor(
    address: string,
    write: (batch: Uint8Array, done: () => void) => void,
    onDraining: () => void,
    onIdle: () => void,
  ) {
    this.address = address;
    this.#sender = new BatchSender(write);
    this.#onDraining = onDraining;
    this.#onIdle = onIdle;
  }

  /** Calls under way. */
  get size(): number {
    return this.#calls.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Starts the call, or fails it when the link is full or the request cannot be encoded. */
  start(call: LinkCall): void {
    if (this.#calls.size >= linkLimits.callsPerLink || this.#sender.backlog >= linkLimits.sendFullBytes) {
      return call.fail(new FlotillaError('overloaded'));
    }
    const callId = this.#nextCallId;
    let methodId = this.#methodIds.get(call.method);
    const named = methodId !== undefined;
    methodId ??= this.#methodIds.size;
    const streamed = call.method.definition.responseStream;
    const window = streamed ? this.#window() : 0;
    const remaining = call.remainingMs;
    try {
      this.#sender.writer.start(
        callId,
        {
          method: named ? '' : call.method.path,
          methodId,
          timeoutMs: remaining === Infinity ? 0 : Math.min(Math.max(1, Math.ceil(remaining)), 0xffff_ffff),
          traceparent: call.traceparent,
          metadata: call.metadata,
          initialCredit: window,
        },
        call.method.definition.requestType,
        call.request,
      );
    } catch (error) {
      return call.fail(toFlotillaError(error));
    }
    if (!named) this.#methodIds.set(call.method, methodId);
    this.#nextCallId += 1;
    call.link = this;
    call.callId = callId;
    call.attempts += 1;
    this.#calls.set(callId, { call, window, credit: window, consumed: 0 });
    this.#sender.schedule();
    if (this.#nextCallId > lastCallId) this.drain();
  }

  cancel(call: LinkCall): void {
    if (this.#calls.get(call.callId)?.call !== call) return;
    this.#sender.writer.cancel(call.callId);
    this.#sender.schedule();
    this.forget(call);
  }

  /** The call is over for this link. */
  forget(call: LinkCall): void {
    if (this.#calls.delete(call.callId) && this.#draining && this.#calls.size === 0) this.#onIdle();
  }

  /** The reader took a message: what it held is given back in pieces of half the window. */
  consumed(call: LinkCall, size: number): void {
    const entry = this.#calls.get(call.callId);
    if (entry === undefined) return;
    entry.consumed += size;
    if (entry.consumed < entry.window / 2) return;
    entry.credit += entry.consumed;
    this.#sender.writer.credit(call.callId, entry.consumed);
    this.#sender.schedule();
    entry.consumed = 0;
  }

  /** Throws when the peer does not speak the protocol. */
  receive(batch: Uint8Array): void {
    if (!this.#closed) readBatch(batch, this);
  }

  /** No new calls here; `onIdle` follows, at once when nothing is under way. */
  drain(): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    this.#onDraining();
    if (this.#calls.size === 0) this.#onIdle();
  }

  /** The link is gone: what is under way fails, or is tried elsewhere. */
  close(error: FlotillaError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#draining = true;
    this.#sender.close();
    const entries = [...this.#calls.values()];
    this.#calls.clear();
    for (const { call } of entries) call.onFailure(error, false);
  }

  onMessage(callId: number, reader: BinaryReader, length: number): void {
    const entry = this.#calls.get(callId);
    if (entry === undefined) return;
    const { call } = entry;
    const { responseStream, responseType } = call.method.definition;
    if (responseStream && entry.credit <= 0) return this.#violation(call, 'sent more than it was given credit for');
    entry.credit -= length;
    let message: unknown;
    try {
      message = decodeMessage(responseType, reader, length);
    } catch {
      return this.#violation(call, 'sent a message that cannot be decoded');
    }
    call.onMessage(message, length);
  }

  onEnd(callId: number): void {
    this.#calls.get(callId)?.call.onEnd();
  }

  onError(callId: number, error: FlotillaError, notStarted: boolean): void {
    const call = this.#calls.get(callId)?.call;
    if (call === undefined) return;
    this.forget(call);
    call.onFailure(error, notStarted);
  }

  onGoaway(): void {
    this.drain();
  }

  // The answering side never sends these.
  onStart(): void {}
  onCancel(): void {}
  onCredit(): void {}

  #window(): number {
    const share = Math.floor(linkLimits.creditPoolBytes / (this.#calls.size + 1));
    return Math.min(linkLimits.creditBytes, Math.max(linkLimits.creditFloorBytes, share));
  }

  #violation(call: LinkCall, what: string): void {
    call.cancel(new FlotillaError('internal', undefined, { cause: new Error(`${call.method.path} ${what}`) }));
  }
}
