import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Endpoint } from './endpoints.ts';

/** Milliseconds for a connection on loopback: one that takes longer will not come. */
const connectTimeoutMs = 2_000;
/** Endpoints that are tried before a caller is told that nobody is there. */
const mostTries = 3;

/** A connection to one of them, beginning with the `first`-th and going on to the next when it refuses. Undefined: none took it. */
export async function connectToOne(endpoints: readonly Endpoint[], first: number): Promise<Socket | undefined> {
  for (let tried = 0; tried < Math.min(mostTries, endpoints.length); tried += 1) {
    const socket = await connectTo(endpoints[(first + tried) % endpoints.length]!);
    if (socket) return socket;
  }
  return undefined;
}

function connectTo({ address, port }: Endpoint): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, noDelay: true });
    const fail = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(connectTimeoutMs, fail);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** Passes what each sends to the other until both have ended; one that breaks off ends both. */
export function join(one: Socket, other: Socket): void {
  pipeline(one, other, () => undefined);
  pipeline(other, one, () => undefined);
}
