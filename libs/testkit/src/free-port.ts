import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections (Linux: from 32,768; IANA: from 49,152), so that none of those takes it. */
const range = { from: 12_000, size: 20_000 };
const given = new Set<number>();

/**
 * A TCP port of 127.0.0.1 that was free a moment ago and that this process was not given before, for a server that cannot
 * pick one itself. Where it can, listen on 0: between this answer and its use another process may take the port.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const port = range.from + Math.floor(Math.random() * range.size);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port on 127.0.0.1');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
