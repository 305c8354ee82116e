import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** What ts-proto generates for one message type, as far as transports need it. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  fromPartial(object: object): T;
}

/** One method of a generated service definition. */
export interface MethodDefinition<Req = any, Res = any> {
  readonly name: string;
  readonly requestType: MessageType<Req>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<Res>;
  readonly responseStream: boolean;
  readonly options: { readonly idempotencyLevel?: string };
}

/** A generated service definition: unary and server-streaming methods. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

export interface CallOptions {
  /** Milliseconds from now; what is left of it travels with the call. Absent: the network's default; Infinity: none. Nothing is inherited: a handler passes on its own `remainingMs()`. */
  timeoutMs?: number;
  /** Aborting it cancels the call here, on the way and in the handler. */
  signal?: AbortSignal;
  /** Lower-case keys, ASCII values: gRPC's rules hold on every transport. */
  metadata?: Readonly<Record<string, string>>;
}

/** What a handler knows of its call. */
export interface CallContext {
  /** Aborts when the caller cancels, leaves, or its deadline passes. */
  readonly signal: AbortSignal;
  /** Milliseconds left of the caller's deadline; Infinity when it has none. Pass it on, less what you need yourself. */
  remainingMs(): number;
  readonly metadata: Readonly<Record<string, string>>;
}

type RequestOf<M> = M extends { requestType: MessageType<infer R> } ? R : never;
type ResponseOf<M> = M extends { responseType: MessageType<infer R> } ? R : never;

/**
 * The typed client of a service: `await safety.check(request)`, `for await (const event of router.generate(request))`.
 * A request is a whole message (`fromPartial` fills what a caller leaves out). A stream begins when it is first read and
 * can be read once; leaving it early cancels the call.
 */
export type Client<D extends ServiceDefinition> = {
  readonly [M in keyof D['methods']]: D['methods'][M]['responseStream'] extends true
    ? (request: RequestOf<D['methods'][M]>, options?: CallOptions) => AsyncIterable<ResponseOf<D['methods'][M]>>
    : (request: RequestOf<D['methods'][M]>, options?: CallOptions) => Promise<ResponseOf<D['methods'][M]>>;
};

/** What a service implements. A streaming handler yields; ending its iteration early runs its `finally`. */
export type Handlers<D extends ServiceDefinition> = {
  readonly [M in keyof D['methods']]: D['methods'][M]['responseStream'] extends true
    ? (request: RequestOf<D['methods'][M]>, context: CallContext) => AsyncIterable<ResponseOf<D['methods'][M]>>
    : (request: RequestOf<D['methods'][M]>, context: CallContext) => Promise<ResponseOf<D['methods'][M]>>;
};

/**
 * Where services meet. In one process a memory network; in the mesh, links and plain gRPC. Both throw the same errors
 * (FlotillaError), carry deadlines, cancellation and trace context, and pass the same suite (libs/rpc/src/suite.ts).
 */
export interface RpcNetwork {
  /** Offers a service, best before `listen`. Returns the way to withdraw it. Throws when it is served already. */
  serve<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>): () => void;
  /** A client of a service, wherever it runs; connects by itself, on first use. */
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** Begins to take calls. */
  listen(): Promise<void>;
  /**
   * Refuses new calls (goaway) and resolves when those under way ended or the signal aborts. In one process that is
   * every call, so that what makes calls is drained before its network.
   */
  drain(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
