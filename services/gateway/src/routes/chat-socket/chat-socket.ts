import type { Random } from '@flotilla/kernel';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { gauge, logger } from '@flotilla/telemetry';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { needScope } from '../../access/authenticator.ts';
import { bearerProtocol } from '../../access/credentials.ts';
import type { Edge } from '../../http/edge.ts';
import { errorBody, errorHeaders } from '../../http/error-shape.ts';
import { ChatSession } from './chat-session.ts';

const log = logger('gateway.socket');
const open = gauge({
  name: 'flotilla_gateway_websockets',
  description: 'WebSocket connections open',
  unit: '{connection}',
}).bind({});

const path = '/v1/chat/ws';

/** WebSocket close codes of RFC 6455, §7.4.1. */
const goingAway = 1001;
const messageTooBig = 1009;

/** GET /v1/chat/ws, upgraded: several chats at once over one connection. */
export class ChatSocket {
  readonly #server: WebSocketServer;
  readonly #sessions = new Set<ChatSession>();
  #refusing = false;

  constructor(
    private readonly edge: Edge,
    private readonly random: Random,
  ) {
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: edge.config.bodyLimit,
      // Compression costs each connection a window of memory and each token CPU.
      perMessageDeflate: false,
      // The server has to answer with one of the protocols that a browser offered, or the browser closes.
      handleProtocols: (protocols) => [...protocols].find((name) => name.startsWith(bearerProtocol)) ?? false,
    });
  }

  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        const failure = toFlotillaError(error);
        const { failedKeys, clients } = this.edge;
        const tooMany = failure.code === 'invalid_api_key' ? failedKeys.failed(clients.of(request)) : undefined;
        refuse(socket, tooMany?.error ?? failure);
      });
    });
  }

  /** Refuses new connections and closes each once its chats are done, or when the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#refusing = true;
    await Promise.all([...this.#sessions].map((session) => session.drain(signal, goingAway)));
  }

  close(): void {
    for (const session of this.#sessions) session.terminate();
    this.#server.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = request.url?.split('?', 1)[0];
    if (url !== path) throw new FlotillaError('unknown_url', `There is no WebSocket at this URL; try ${path}.`);
    if (this.#refusing) throw new FlotillaError('unavailable', 'This gateway is shutting down. Try again.');
    if (this.#sessions.size >= this.edge.config.maxSockets) throw new FlotillaError('overloaded');
    const { identity, recheck } = await this.edge.access.identifyUpgrade(request);
    needScope(identity, 'inference');
    if (socket.destroyed) return;
    this.#server.handleUpgrade(request, socket, head, (connection) => {
      const session = new ChatSession(connection, recheck, this.edge, this.random);
      this.#begin(session, connection);
    });
  }

  #begin(session: ChatSession, connection: WebSocket): void {
    const { clock, config } = this.edge;
    this.#sessions.add(session);
    open.add(1);
    let answered = true;
    connection.on('pong', () => (answered = true));
    const pings = clock.every(config.pingIntervalMs, () => {
      if (!answered) return session.terminate();
      answered = false;
      connection.ping();
    });
    connection.on('error', (error: Error & { code?: string }) => {
      log.debug('a WebSocket failed', { code: error.code });
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') connection.close(messageTooBig);
    });
    connection.once('close', () => {
      pings.cancel();
      this.#sessions.delete(session);
      open.add(-1);
      session.closed();
    });
  }
}

/** An HTTP answer on a socket that was not upgraded. */
function refuse(socket: Duplex, error: FlotillaError): void {
  if (!socket.writable) return;
  const body = JSON.stringify({ error: errorBody(error) });
  const headers = [
    'connection',
    'close',
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
  ];
  headers.push(...errorHeaders(error));
  let head = `HTTP/1.1 ${error.row.http} ${error.code}\r\n`;
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  socket.end(`${head}\r\n${body}`);
}
