import type { Random } from '@flotilla/kernel';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { span, withRequestId } from '@flotilla/telemetry';
import type { RawData, WebSocket } from 'ws';
import { needScope } from '../../access/authenticator.ts';
import { callerOf, type Identity } from '../../access/identity.ts';
import { readChatBody } from '../../chat/chat-body.ts';
import { ChunkRelay } from '../../chat/chunk-relay.ts';
import type { Frame } from '../../chat/chunks.ts';
import type { Turn } from '../../chat/turns.ts';
import type { Edge } from '../../http/edge.ts';
import { errorBody } from '../../http/error-shape.ts';
import { readSocketMessage } from './socket-message.ts';

/** Bytes waiting for the client above which its chats pause, and with them their engines. */
const highWater = 256 * 1024;
/** Bytes waiting for a client that goes on asking for more without reading. */
const mostBuffered = 4 * highWater;

/**
 * One WebSocket and the chats on it. The client names each chat; it gets `chunk` events with the objects SSE would carry,
 * then `done` or `error`.
 */
export class ChatSession {
  readonly #chats = new Map<string, AbortController>();
  #idle: (() => void) | undefined;
  #refusing = false;

  constructor(
    private readonly connection: WebSocket,
    /** Who asks now: what opened the connection may have been revoked since. */
    private readonly identify: () => Identity | Promise<Identity>,
    private readonly edge: Edge,
    private readonly random: Random,
  ) {
    connection.on('message', (data, binary) => this.#receive(data, binary));
  }

  /** Refuses new chats; closes with `code` when those under way are done or the signal aborts. */
  async drain(signal: AbortSignal, code: number): Promise<void> {
    this.#refusing = true;
    if (this.#chats.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.connection.close(code);
  }

  terminate(): void {
    this.connection.terminate();
  }

  /** The connection is gone: so are its chats. */
  closed(): void {
    for (const chat of this.#chats.values()) chat.abort(new FlotillaError('cancelled'));
  }

  #receive(data: RawData, binary: boolean): void {
    let id: string | null = null;
    try {
      const message = readSocketMessage(data, binary);
      id = message.id;
      if (message.type === 'cancel') this.#chats.get(message.id)?.abort(new FlotillaError('cancelled'));
      else this.#begin(message.id, message.body);
    } catch (error) {
      this.#fail(id, toFlotillaError(error));
    }
  }

  #begin(id: string, body: unknown): void {
    if (this.#refusing) throw new FlotillaError('unavailable', 'This gateway is shutting down. Connect again.');
    if (this.#chats.has(id)) throw new FlotillaError('in_the_way', `A chat with the id '${id}' is under way.`);
    const { maxChatsPerSocket } = this.edge.config;
    if (this.#chats.size >= maxChatsPerSocket) {
      throw new FlotillaError('overloaded', `${maxChatsPerSocket} chats are under way on this connection already.`);
    }
    // Over a socket every chat streams.
    const chat = readChatBody(withStream(body));
    const aborter = new AbortController();
    this.#chats.set(id, aborter);
    const requestId = this.random.id('req_');
    const run = async () => {
      const identity = await this.identify();
      needScope(identity, 'inference');
      const asker = { caller: callerOf(identity, requestId), identity, signal: aborter.signal };
      return this.edge.turns.run(asker, chat, (turn) => this.#relay(id, turn));
    };
    const attributes = { 'http.route': '/v1/chat/ws', 'flotilla.request_id': requestId };
    withRequestId(requestId, () => span('chat over WebSocket', attributes, run, { kind: 'server' }))
      .catch((error: unknown) => this.#fail(id, toFlotillaError(error)))
      .finally(() => {
        this.#chats.delete(id);
        if (this.#chats.size === 0) this.#idle?.();
      });
  }

  async #relay(id: string, turn: Turn): Promise<void> {
    const relay = new ChunkRelay(turn, new EventFrame(id));
    for await (const event of turn.events) {
      const text = relay.take(event);
      if (text === '') continue;
      // One message for each chunk, also where several came together.
      for (const message of text.split(separator)) if (message !== '') this.connection.send(message);
      if (this.connection.bufferedAmount > highWater) await this.#drained();
    }
    relay.end();
    this.#send({ id, type: 'done' });
  }

  /** Resolves when what was sent has left, or the connection is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => this.connection.ping(undefined, false, () => resolve()));
  }

  #fail(id: string | null, error: FlotillaError): void {
    this.#send({ id, type: 'error', error: errorBody(error) });
  }

  /** Who writes without ever reading is cut off: errors have no other bound than this. */
  #send(event: object): void {
    const { connection } = this;
    if (connection.bufferedAmount > mostBuffered) return connection.terminate();
    if (connection.readyState === connection.OPEN) connection.send(JSON.stringify(event));
  }
}

/** A line feed cannot stand unescaped inside JSON, so it separates the messages of one event. */
const separator = '\n';

class EventFrame implements Frame {
  readonly before: string;
  readonly after = `}${separator}`;
  /** WebSockets have pings. */
  readonly keepAlive = '';

  constructor(id: string) {
    this.before = `{"id":${JSON.stringify(id)},"type":"chunk","data":`;
  }
}

function withStream(body: unknown): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body, stream: true } : body;
}
