import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '@flotilla/kernel';
import { linkLimits } from './link-limits.ts';
import { BatchSplitter, framed, preface, signOfLife, type WireSink } from './link-wire.ts';

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

/** Opens a link at `host:port` over TCP without TLS. */
export function linkConnector(clock: Clock): ConnectLink {
  return (address, events) => new TcpLinkSocket(clock, address, events);
}

class TcpLinkSocket implements LinkSocket, WireSink {
  readonly #clock: Clock;
  readonly #events: LinkSocketEvents;
  readonly #socket: Socket;
  readonly #splitter = new BatchSplitter(linkLimits.receiveBytes, this);
  readonly #connectTimer: Timer;
  #pingTimer: Timer | undefined;
  #heard = true;
  #asked = false;
  #closed = false;

  constructor(clock: Clock, address: string, events: LinkSocketEvents) {
    this.#clock = clock;
    this.#events = events;
    const { hostname, port } = new URL(`http://${address}`);
    const host = hostname.replace(/^\[|\]$/g, '');
    this.#socket = connect({ host, port: Number(port || 80), noDelay: true });
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the connection was closed')));
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.write(preface);
    this.#connectTimer = clock.after(linkLimits.connectTimeoutMs, () =>
      this.#end(new Error('the peer did not answer in time')),
    );
  }

  write(batch: Uint8Array, done: () => void): void {
    if (!this.#closed) this.#socket.write(framed(batch), done);
  }

  close(): void {
    this.#end(new Error('the link was closed here'));
  }

  onPreface(): void {
    this.#connectTimer.cancel();
    this.#pingTimer = this.#clock.every(linkLimits.pingEveryMs, () => this.#ping());
    this.#events.onReady();
  }

  onBatch(batch: Uint8Array): void {
    if (!this.#closed && batch.length > 0) this.#events.onBatch(batch);
  }

  #receive(chunk: Buffer): void {
    this.#heard = true;
    try {
      this.#splitter.push(chunk);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** A silent peer is asked; one that says nothing by the next turn is dead. */
  #ping(): void {
    if (this.#heard) {
      this.#heard = this.#asked = false;
      return;
    }
    if (this.#asked) return this.#end(new Error('the peer does not answer'));
    this.#asked = true;
    this.#socket.write(signOfLife);
  }

  #end(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connectTimer.cancel();
    this.#pingTimer?.cancel();
    this.#socket.destroy();
    this.#events.onClose(cause);
  }
}
