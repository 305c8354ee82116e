import {
  Client as GrpcChannelClient,
  credentials,
  Metadata,
  type CallOptions as GrpcCallOptions,
  type ClientReadableStream,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { FlotillaError } from '@flotilla/kernel';
import type { CallOptions, Client, ServiceDefinition } from './definition.ts';
import { fromGrpcError } from './grpc-errors.ts';
import { grpcDefinition } from './grpc-service.ts';
import { abortReason } from './inbound-call.ts';
import { linkLimits } from './link-limits.ts';
import { callDefaults, type CallDefaults } from './network-options.ts';
import { activeTraceparent } from './trace.ts';

export interface GrpcClient<D extends ServiceDefinition> {
  readonly client: Client<D>;
  close(): void;
}

/**
 * A client of a service over ordinary gRPC: for servers that are not ours, and to hold ours against. Within Flotilla
 * links do the same for a fraction of the CPU.
 */
export function createGrpcClient<D extends ServiceDefinition>(
  definition: D,
  address: string,
  options: { defaults?: Partial<CallDefaults> } = {},
): GrpcClient<D> {
  const defaults = { ...callDefaults, ...options.defaults };
  const channel = new GrpcChannelClient(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': linkLimits.receiveBytes,
    'grpc.max_send_message_length': linkLimits.receiveBytes,
    'grpc.initial_reconnect_backoff_ms': linkLimits.backoffFirstMs,
    'grpc.max_reconnect_backoff_ms': linkLimits.backoffMostMs,
    'grpc.keepalive_time_ms': linkLimits.pingEveryMs,
    'grpc.keepalive_timeout_ms': linkLimits.pingTimeoutMs,
    'grpc.use_local_subchannel_pool': 1,
  });
  const grpc = grpcDefinition(definition);
  const methods = Object.entries(definition.methods).map(([key, method]) => [
    key,
    method.responseStream
      ? (request: unknown, call: CallOptions = {}) =>
          new GrpcStream((end) => openStream(channel, grpc[key]!, request, call, defaults, end))
      : (request: unknown, call: CallOptions = {}) => unary(channel, grpc[key]!, request, call, defaults),
  ]);
  return { client: Object.fromEntries(methods) as Client<D>, close: () => channel.close() };
}

function unary(
  channel: GrpcChannelClient,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>,
  request: unknown,
  { timeoutMs, signal, metadata }: CallOptions,
  defaults: CallDefaults,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortReason(signal));
    const onAbort = () => call.cancel();
    const call = channel.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      toMetadata(metadata),
      toOptions(timeoutMs ?? defaults.unaryTimeoutMs),
      (error: ServiceError | null, value?: unknown) => {
        signal?.removeEventListener('abort', onAbort);
        if (error === null) resolve(value);
        else reject(signal?.aborted ? abortReason(signal) : fromGrpcError(error));
      },
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function openStream(
  channel: GrpcChannelClient,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>,
  request: unknown,
  { timeoutMs, signal, metadata }: CallOptions,
  defaults: CallDefaults,
  onEnd: (error: FlotillaError | undefined) => void,
): ClientReadableStream<unknown> {
  const stream = channel.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    toMetadata(metadata),
    toOptions(timeoutMs ?? defaults.streamTimeoutMs),
  );
  const onAbort = () => stream.cancel();
  const end = (error: FlotillaError | undefined) => {
    signal?.removeEventListener('abort', onAbort);
    onEnd(error);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) stream.cancel();
  stream.on('end', () => end(undefined));
  stream.on('error', (error: ServiceError) => end(signal?.aborted ? abortReason(signal) : fromGrpcError(error)));
  return stream;
}

/** A stream read by pulling; grpc-js pauses the wire while nobody reads. Begins with the first read. */
class GrpcStream implements AsyncIterableIterator<unknown> {
  readonly #open: (end: (error: FlotillaError | undefined) => void) => ClientReadableStream<unknown>;
  #stream: ClientReadableStream<unknown> | undefined;
  #ended = false;
  #error: FlotillaError | undefined;
  #wake: (() => void) | undefined;

  constructor(open: (end: (error: FlotillaError | undefined) => void) => ClientReadableStream<unknown>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#stream === undefined && !this.#ended) {
      this.#stream = this.#open((error) => {
        this.#ended = true;
        this.#error ??= error;
        this.#wake?.();
      });
      this.#stream.on('readable', () => this.#wake?.());
    }
    for (;;) {
      const value: unknown = this.#stream?.read();
      if (value !== null && value !== undefined) return { done: false, value };
      if (this.#ended) break;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#ended = true;
    this.#stream?.cancel();
    return { done: true, value: undefined };
  }
}

function toMetadata(own: Readonly<Record<string, string>> | undefined): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(own ?? {})) metadata.set(key, value);
  const traceparent = activeTraceparent();
  if (traceparent !== '') metadata.set('traceparent', traceparent);
  return metadata;
}

function toOptions(timeoutMs: number): GrpcCallOptions {
  return timeoutMs === Infinity ? {} : { deadline: Date.now() + timeoutMs };
}
