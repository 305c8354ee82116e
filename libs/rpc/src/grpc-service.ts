import type {
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition as GrpcServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { context } from '@opentelemetry/api';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { abandon } from './abandon.ts';
import type { MessageType, ServiceDefinition } from './definition.ts';
import { toGrpcStatus } from './grpc-errors.ts';
import { InboundCall } from './inbound-call.ts';
import { methodPath, notServed, type Method } from './router.ts';
import type { ServerHost } from './server-host.ts';
import { endSpan, spanFromTraceparent, type ServerSpan } from './trace.ts';

/** The grpc-js description of a generated definition. */
export function grpcDefinition(service: ServiceDefinition): GrpcServiceDefinition {
  const methods = Object.entries(service.methods).map(([key, method]) => [
    key,
    {
      path: methodPath(service, method),
      originalName: method.name,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: encoder(method.requestType),
      requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes) as unknown,
      responseSerialize: encoder(method.responseType),
      responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes) as unknown,
    },
  ]);
  return Object.fromEntries(methods) as GrpcServiceDefinition;
}

/** Serves a definition's handlers as ordinary gRPC. */
export function grpcImplementation(host: ServerHost, service: ServiceDefinition): UntypedServiceImplementation {
  const handlers = Object.entries(service.methods).map(([key, definition]) => {
    const method = host.router.method(service, definition);
    return [key, definition.responseStream ? streamHandler(host, method) : unaryHandler(host, method)];
  });
  return Object.fromEntries(handlers) as UntypedServiceImplementation;
}

function unaryHandler(host: ServerHost, method: Method): handleUnaryCall<unknown, unknown> {
  return (call, respond) => void answer(host, method, call, respond);
}

async function answer(
  host: ServerHost,
  method: Method,
  call: ServerUnaryCall<unknown, unknown>,
  respond: sendUnaryData<unknown>,
): Promise<void> {
  const refusal = host.refusal ?? (method.unary === undefined ? notServed(method.path) : undefined);
  if (refusal !== undefined) return respond(toGrpcStatus(refusal));
  const inbound = new GrpcInboundCall(host, method, call);
  call.on('cancelled', () => inbound.cancel(new FlotillaError('cancelled')));
  try {
    const result = await inbound.run(() => method.unary!(call.request, inbound));
    if (inbound.reason !== undefined) throw inbound.reason;
    inbound.end(undefined);
    respond(null, result);
  } catch (cause) {
    const error = inbound.reason ?? toFlotillaError(cause);
    inbound.end(error);
    respond(toGrpcStatus(error));
  }
}

function streamHandler(host: ServerHost, method: Method): handleServerStreamingCall<unknown, unknown> {
  return (call) => void relay(host, method, call);
}

async function relay(host: ServerHost, method: Method, call: ServerWritableStream<unknown, unknown>): Promise<void> {
  const refusal = host.refusal ?? (method.stream === undefined ? notServed(method.path) : undefined);
  if (refusal !== undefined) return void call.emit('error', toGrpcStatus(refusal));
  const inbound = new GrpcInboundCall(host, method, call);
  let source: AsyncIterator<unknown> | undefined;
  let failure: FlotillaError | undefined;
  const leave = (reason: FlotillaError) => {
    inbound.cancel(reason);
    abandon(source);
  };
  call.on('cancelled', () => leave(new FlotillaError('cancelled')));
  inbound.onExpire = () => {
    const late = new FlotillaError('deadline_exceeded');
    leave(late);
    call.emit('error', toGrpcStatus(late));
  };
  try {
    await inbound.run(async () => {
      source = method.stream!(call.request, inbound)[Symbol.asyncIterator]();
      for (;;) {
        const result = await source.next();
        if (inbound.reason !== undefined || result.done) return;
        if (!call.write(result.value)) await drained(call, inbound);
        if (inbound.reason !== undefined) return;
      }
    });
    if (inbound.reason === undefined) call.end();
  } catch (cause) {
    failure = toFlotillaError(cause);
    if (inbound.reason === undefined) call.emit('error', toGrpcStatus(failure));
    abandon(source);
  }
  inbound.end(inbound.reason ?? failure);
}

/** Resolves when the stream takes more, or the call is over. */
function drained(call: ServerWritableStream<unknown, unknown>, inbound: InboundCall): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      inbound.signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    inbound.signal.addEventListener('abort', done, { once: true });
    if (inbound.reason !== undefined) done();
  });
}

class GrpcInboundCall extends InboundCall {
  onExpire: (() => void) | undefined;
  readonly #host: ServerHost;
  readonly #method: Method;
  readonly #span: ServerSpan | undefined;
  readonly #started: number;

  constructor(host: ServerHost, method: Method, call: { metadata: Metadata; getDeadline(): Date | number }) {
    const deadline = Number(call.getDeadline());
    super(host.wheel, deadline === Infinity ? Infinity : Math.max(0, deadline - Date.now()), strings(call.metadata));
    this.#host = host;
    this.#method = method;
    this.#started = host.wheel.now();
    this.#span = spanFromTraceparent(method.path, String(call.metadata.get('traceparent')[0] ?? ''));
    host.inFlight.enter();
  }

  run<T>(handler: () => Promise<T>): Promise<T> {
    return this.#span === undefined ? handler() : context.with(this.#span.context, handler);
  }

  override expire(): void {
    if (this.onExpire !== undefined) this.onExpire();
    else super.expire();
  }

  end(error: FlotillaError | undefined): void {
    this.finish();
    this.#host.inFlight.leave();
    if (this.#span !== undefined) endSpan(this.#span, error);
    const seconds = (this.wheel.now() - this.#started) / 1_000;
    this.#host.observer?.onCall(this.#method.path, 'server', error?.code ?? 'ok', seconds);
  }
}

/** The caller's own metadata: what gRPC and tracing put there is left out. */
function strings(metadata: Metadata): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata.getMap())) {
    if (typeof value !== 'string' || key.startsWith('grpc-')) continue;
    if (key !== 'user-agent' && key !== 'traceparent' && key !== 'tracestate') own[key] = value;
  }
  return own;
}

function encoder(type: MessageType<any>): (message: unknown) => Buffer {
  return (message) => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}
