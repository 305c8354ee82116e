import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Clock, Timer } from '@flotilla/kernel';
import { MessageSplitter, prefixed } from './grpc-framing.ts';
import { linkLimits } from './link-limits.ts';

/** What a socket tells its link. After `onClose` nothing more comes. */
export interface LinkSocketEvents {
  /** The peer takes calls. */
  onReady(): void;
  /** Throwing closes the socket. */
  onBatch(batch: Uint8Array): void;
  onClose(cause: Error): void;
}

export interface LinkSocket {
  write(batch: Uint8Array, done: () => void): void;
  close(): void;
}

export type ConnectLink = (address: string, events: LinkSocketEvents) => LinkSocket;

const linkPath = '/flotilla.rpc.v1.Link/Open';

/**
 * Opens `Link/Open` at `host:port` by gRPC over HTTP/2 without TLS. Spoken with node:http2 itself: it costs the same CPU
 * as a grpc-js stream, but a grpc-js channel resolves, picks, connects and backs off by rules of its own, and what a link
 * needs is one connection to one address that says when it is up and when it is down.
 */
export function linkConnector(clock: Clock): ConnectLink {
  return (address, events) => new Http2LinkSocket(clock, address, events);
}

class Http2LinkSocket implements LinkSocket {
  readonly #clock: Clock;
  readonly #events: LinkSocketEvents;
  readonly #session: ClientHttp2Session;
  readonly #splitter = new MessageSplitter(linkLimits.receiveBytes);
  readonly #connectTimer: Timer;
  #stream: ClientHttp2Stream | undefined;
  #pingTimer: Timer | undefined;
  #heard = true;
  #pinged = false;
  #closed = false;

  constructor(clock: Clock, address: string, events: LinkSocketEvents) {
    this.#clock = clock;
    this.#events = events;
    const { hostname, port } = new URL(`http://${address}`);
    this.#session = connect(`http://${address}`, {
      createConnection: () =>
        connectTcp({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80), noDelay: true }),
      // MiB. The default of 10 counts what waits to be sent, and a single message may be larger than that.
      maxSessionMemory: 64,
      settings: { initialWindowSize: linkLimits.windowBytes, enablePush: false },
    });
    this.#session.on('error', (error) => this.#end(error));
    this.#session.on('close', () => this.#end(new Error('the connection was closed')));
    this.#session.once('connect', () => this.#open(address));
    this.#connectTimer = clock.after(linkLimits.connectTimeoutMs, () =>
      this.#end(new Error('the peer did not answer in time')),
    );
  }

  write(batch: Uint8Array, done: () => void): void {
    if (!this.#closed) this.#stream?.write(prefixed(batch), done);
  }

  close(): void {
    this.#end(new Error('the link was closed here'));
  }

  #open(address: string): void {
    if (this.#closed) return;
    this.#session.setLocalWindowSize(linkLimits.windowBytes);
    const stream = this.#session.request({
      ':method': 'POST',
      ':scheme': 'http',
      ':authority': address,
      ':path': linkPath,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'user-agent': 'flotilla-link/1',
    });
    this.#stream = stream;
    stream.on('error', (error) => this.#end(error));
    stream.on('trailers', (headers) => this.#end(refusal(headers)));
    stream.on('close', () => this.#end(new Error('the stream was closed')));
    stream.once('response', (headers) => {
      // A refusal comes as headers alone, with the status in them.
      if (headers[':status'] !== 200 || headers['grpc-status'] !== undefined) return this.#end(refusal(headers));
      this.#connectTimer.cancel();
      this.#pingTimer = this.#clock.every(linkLimits.pingEveryMs, () => this.#ping());
      this.#events.onReady();
    });
    stream.on('data', (chunk: Buffer) => {
      this.#heard = true;
      try {
        this.#splitter.push(chunk, this.#onBatch);
      } catch (error) {
        this.#end(error as Error);
      }
    });
  }

  readonly #onBatch = (batch: Uint8Array): void => {
    if (!this.#closed) this.#events.onBatch(batch);
  };

  /** A silent peer is asked; one that does not answer by the next turn is dead. */
  #ping(): void {
    if (this.#pinged) return this.#end(new Error('the peer does not answer'));
    if (this.#heard) {
      this.#heard = false;
      return;
    }
    this.#pinged = true;
    try {
      this.#session.ping(() => (this.#pinged = false));
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #end(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connectTimer.cancel();
    this.#pingTimer?.cancel();
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#session.destroy();
    this.#events.onClose(cause);
  }
}

function refusal(headers: { [name: string]: unknown }): Error {
  const text =
    typeof headers['grpc-message'] === 'string' ? headers['grpc-message'] : `status ${String(headers[':status'])}`;
  return new Error(`the peer ended the link: ${text}`);
}
