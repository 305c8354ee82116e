import { createServer, connect as connectTcp, type AddressInfo, type Socket } from 'node:net';

export interface FaultyProxy {
  readonly address: string;
  /** Passes nothing on any more; connections stay open. */
  silence(): void;
  /** Ends every connection at once, in the middle of whatever was on its way. */
  cut(): void;
  close(): Promise<void>;
}

/** A TCP proxy with the faults of a network. */
export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(`http://${target}`);
  let silent = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connectTcp(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => void (silent || to.destroyed || to.write(data)));
      from.on('error', () => from.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!silent) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    silence: () => void (silent = true),
    cut,
    async close() {
      cut();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
