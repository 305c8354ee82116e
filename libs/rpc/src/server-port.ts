import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '@flotilla/kernel';
import { AcceptedLink } from './accepted-link.ts';
import { GrpcServer } from './grpc-server.ts';
import { InFlight } from './in-flight.ts';
import { linkLimits } from './link-limits.ts';
import { preface } from './link-wire.ts';
import type { ServerHost } from './server-host.ts';

/**
 * One port for everything that a process serves: links from our own services, ordinary gRPC from everybody else. The
 * first byte of a connection tells which: HTTP/2 begins with another letter.
 */
export class ServerPort {
  readonly #host: ServerHost;
  readonly #clock: Clock;
  readonly #grpc: GrpcServer;
  readonly #sockets = new Set<Socket>();
  readonly #links = new Set<AcceptedLink>();
  readonly #open = new InFlight();
  #server: Server | undefined;
  #address: string | undefined;

  constructor(host: ServerHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    this.#grpc = new GrpcServer(host);
  }

  /** `host:port` as it was bound; undefined before `listen`. */
  get address(): string | undefined {
    return this.#address;
  }

  /** `listen`: `host:port`; port 0 takes a free one. Throws when it cannot be bound. */
  async listen(listen: string): Promise<void> {
    const colon = listen.lastIndexOf(':');
    const host = listen.slice(0, colon);
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    this.#grpc.start();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new Error(`cannot listen on ${listen}`, { cause: error })));
      server.listen({ host: host.replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) }, resolve);
    });
    this.#address = `${host}:${(server.address() as AddressInfo).port}`;
  }

  /** Health says NOT_SERVING and every link is told to go elsewhere. */
  goaway(reason: string): void {
    this.#grpc.stopServing();
    for (const link of this.#links) link.goaway(reason);
  }

  /**
   * Resolves when every peer has read what it was sent and hung up, as it does once told to go away; those that stay
   * are waited for a bounded time. Closing before would cut off answers that are under way to them.
   */
  async hungUp(signal: AbortSignal): Promise<void> {
    const patience = new AbortController();
    const timer = this.#clock.after(linkLimits.hangUpMs, () => patience.abort());
    await this.#open.idle(AbortSignal.any([signal, patience.signal]));
    timer.cancel();
  }

  close(): void {
    this.#server?.close();
    this.#grpc.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // What opens a connection and says nothing does not hold it.
    const patience = this.#clock.after(linkLimits.connectTimeoutMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      patience.cancel();
      this.#sockets.delete(socket);
    });
    socket.once('data', (first: Buffer) => {
      if (first[0] === preface[0]) return this.#acceptLink(socket, first, patience);
      patience.cancel();
      socket.pause();
      socket.unshift(first);
      this.#grpc.accept(socket);
    });
  }

  #acceptLink(socket: Socket, first: Buffer, patience: Timer): void {
    if (this.#host.refusal !== undefined) return void socket.destroy();
    const link = new AcceptedLink(this.#host, socket, first, {
      onGreeting: () => patience.cancel(),
      onClose: (closed) => {
        this.#links.delete(closed);
        this.#open.leave();
      },
    });
    this.#links.add(link);
    this.#open.enter();
  }
}
