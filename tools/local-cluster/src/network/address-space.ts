import { createServer, type Server } from 'node:net';

/** Two networks of this machine's loopback, nobody else's as long as they are held. */
export interface AddressSpace {
  /** Where pods get their addresses from: `127.1.0.0/16`. */
  readonly pods: string;
  /** Where Services get theirs from: `127.2.0.0/16`. */
  readonly services: string;
  release(): Promise<void>;
}

/** Clusters that one machine can run beside each other. */
const mostSpaces = 60;
/** Of the address that nothing else in the pods' network listens on: no pod gets one that ends in 255. */
const lockPort = 16_127;

/**
 * Takes 127.1 for pods and 127.2 for Services, or the next two that no other cluster of this machine has. What holds them is
 * a listener, so that they are free again however this process ends. All of 127.0.0.0/8 is the machine's own on Linux; elsewhere
 * these addresses have to be made first.
 */
export async function claimAddressSpace(): Promise<AddressSpace> {
  for (let space = 0; space < mostSpaces; space += 1) {
    const network = 1 + 2 * space;
    const holder = await listen(`127.${network}.255.255`, lockPort);
    if (!holder) continue;
    return {
      pods: `127.${network}.0.0/16`,
      services: `127.${network + 1}.0.0/16`,
      release: () => new Promise((resolve) => holder.close(() => resolve())),
    };
  }
  throw new Error(`${mostSpaces} local clusters run on this machine: stop some`);
}

/** Undefined: another holds it. */
function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new Error(`the addresses of 127.0.0.0/8 cannot be used on this machine: ${error.message}`));
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
