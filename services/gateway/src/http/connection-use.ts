import type { Socket } from 'node:net';

/** How many requests each connection carried. Node's own limit answers what comes after it with a bare 503 instead of closing. */
export class ConnectionUse {
  readonly #carried = new WeakMap<Socket, number>();

  /** `most`: requests of one connection; 0 for no end. */
  constructor(private readonly most: number) {}

  /** Takes note of a request. True when it is the last its connection carries. */
  last(socket: Socket): boolean {
    if (this.most === 0) return false;
    const carried = (this.#carried.get(socket) ?? 0) + 1;
    this.#carried.set(socket, carried);
    return carried >= this.most;
  }
}
