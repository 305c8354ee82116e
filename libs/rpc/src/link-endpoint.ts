import { FlotillaError, type Clock, type Random, type Timer } from '@flotilla/kernel';
import { backoffMs } from './backoff.ts';
import { ClientLink } from './link-client.ts';
import type { ConnectLink, LinkSocket } from './link-socket.ts';

/** A link that lived this long (milliseconds) was a good one: the next attempt after it is the first again. */
const provenMs = 1_000;

export interface EndpointPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: ConnectLink;
  /** Calls may be started on it. */
  onReady(): void;
  /** The connection was lost or could not be had. */
  onLoss(): void;
}

/** One address of a peer: keeps a link to it connected until it is retired. */
export class LinkEndpoint {
  readonly address: string;
  readonly #ports: EndpointPorts;
  /** The link that takes new calls; undefined while there is none. */
  #link: ClientLink | undefined;
  /** Every socket that is open, the draining ones included. */
  readonly #sockets = new Set<LinkSocket>();
  #timer: Timer | undefined;
  #failures = 0;
  #retired = false;

  constructor(address: string, ports: EndpointPorts) {
    this.address = address;
    this.#ports = ports;
    this.#connect();
  }

  get link(): ClientLink | undefined {
    return this.#link;
  }

  /** Retired, and its last call has ended. */
  get gone(): boolean {
    return this.#retired && this.#sockets.size === 0;
  }

  /** The address is no longer the peer's: calls under way may finish, no new ones. */
  retire(): void {
    this.#retired = true;
    this.#timer?.cancel();
    this.#link?.drain();
  }

  close(): void {
    this.#retired = true;
    this.#timer?.cancel();
    for (const socket of [...this.#sockets]) socket.close();
  }

  #connect(): void {
    const { clock, connect } = this.#ports;
    let readyAt = -1;
    const link = new ClientLink(
      this.address,
      (batch, done) => socket.write(batch, done),
      () => {
        if (this.#link === link) this.#link = undefined;
        this.#reconnect();
      },
      () => socket.close(),
    );
    const socket = connect(this.address, {
      onReady: () => {
        readyAt = clock.monotonic();
        if (this.#retired) return socket.close();
        this.#link = link;
        this.#ports.onReady();
      },
      onBatch: (batch) => link.receive(batch),
      onClose: (cause) => {
        this.#sockets.delete(socket);
        // A link that drained has asked for its successor already.
        const replaced = link.draining;
        if (this.#link === link) this.#link = undefined;
        const proven = readyAt >= 0 && clock.monotonic() - readyAt >= provenMs;
        this.#failures = proven ? 0 : this.#failures + 1;
        if (!replaced) this.#reconnect();
        link.close(new FlotillaError('unavailable', undefined, { cause }));
        if (!this.#retired) this.#ports.onLoss();
      },
    });
    this.#sockets.add(socket);
  }

  #reconnect(): void {
    if (this.#retired) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(backoffMs(this.#failures, this.#ports.random), () => this.#connect());
  }
}
