import type { Socket } from 'node:net';
import { toFlotillaError } from '@flotilla/kernel';
import { BatchWriter } from './batch-writer.ts';
import { linkLimits } from './link-limits.ts';
import { LinkServer } from './link-server.ts';
import { BatchSplitter, framed, preface, signOfLife, type WireSink } from './link-wire.ts';
import type { ServerHost } from './server-host.ts';

export interface AcceptedLinkEvents {
  /** The peer has said the whole preface. */
  onGreeting(): void;
  onClose(link: AcceptedLink): void;
}

/** The answering side of one TCP connection that began like the preface of links. */
export class AcceptedLink implements WireSink {
  readonly #socket: Socket;
  readonly #events: AcceptedLinkEvents;
  readonly #link: LinkServer;
  readonly #splitter = new BatchSplitter(linkLimits.receiveBytes, this);

  /** `first`: what has been read from the socket already. */
  constructor(host: ServerHost, socket: Socket, first: Buffer, events: AcceptedLinkEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#link = new LinkServer(
      host,
      (batch, done) => void socket.write(framed(batch), done),
      () => void socket.resume(),
    );
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#link.close();
      events.onClose(this);
    });
    this.#receive(first);
  }

  goaway(reason: string): void {
    this.#link.goaway(reason);
  }

  onPreface(): void {
    this.#events.onGreeting();
    this.#socket.write(preface);
  }

  onBatch(batch: Uint8Array): void {
    if (batch.length > 0) this.#link.receive(batch);
    else this.#socket.write(signOfLife);
  }

  #receive(chunk: Buffer): void {
    try {
      this.#splitter.push(chunk);
      if (this.#link.full) this.#socket.pause();
    } catch (error) {
      this.#refuse(toFlotillaError(error).message);
    }
  }

  /** Says why before it hangs up: nothing that follows can be understood. */
  #refuse(reason: string): void {
    this.#link.close();
    const last = new BatchWriter();
    last.goaway(reason);
    this.#socket.removeAllListeners('data');
    this.#socket.end(framed(last.take()), () => this.#socket.destroy());
  }
}
