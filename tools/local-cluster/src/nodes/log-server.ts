import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, existsSync, statSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';

export interface LogServerOptions {
  /** PEM. Its own, and the only client's: the API server's. */
  certificate: string;
  key: string;
  /** Undefined: containers are no processes. */
  logFile(namespace: string, pod: string, container: string): string | undefined;
}

export interface LogServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** The one thing of a kubelet's own API that people miss: what `kubectl logs` asks for, `--follow`, `--tail` and `--limit-bytes` included. */
export async function startLogServer({ certificate, key, logFile }: LogServerOptions): Promise<LogServer> {
  const sockets = new Set<Socket>();
  const ours = new X509Certificate(certificate).fingerprint256;
  // Anyone may hold a certificate; it is looked at below.
  const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const answer = (status: number, text: string) => void response.writeHead(status).end(`${text}\n`);
    if ((request.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256 !== ours)
      return answer(403, 'only the API server may ask');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost');
    const [, root, namespace, pod, container] = pathname.split('/').map(decodeURIComponent);
    if (root !== 'containerLogs' || !namespace || !pod || !container) return answer(404, 'only logs are served here');
    if (![namespace, pod, container].every((name) => /^[a-z0-9][a-z0-9.-]*$/.test(name)))
      return answer(400, 'no such name');
    const file = logFile(namespace, pod, container);
    if (file === undefined || !existsSync(file)) return answer(404, `${container} of ${pod} has written no log`);
    void sendLog(file, searchParams, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function sendLog(file: string, wanted: URLSearchParams, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  const most = Number(wanted.get('limitBytes') ?? Number.POSITIVE_INFINITY);
  const from = wanted.has('tailLines') ? await startOfTail(file, Number(wanted.get('tailLines'))) : 0;
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const end = Math.min(statSync(file).size, from + most);
  const send = async (start: number, before: number) => {
    if (before <= start) return;
    for await (const chunk of createReadStream(file, { start, end: before - 1 })) {
      if (!response.write(chunk)) await once(response, 'drain', { signal: left.signal });
    }
  };
  await send(from, end);
  if (wanted.get('follow') === 'true') await follow(file, end, send, left.signal);
  response.end();
}

/** Until the client leaves, or the log goes with its pod. */
async function follow(
  file: string,
  sent: number,
  send: (from: number, end: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let changed: () => void = () => undefined;
  // The folder, for a log that has grown too long is renamed and a new one begun.
  const watcher = watch(path.dirname(file), () => changed());
  watcher.on('error', () => changed());
  signal.addEventListener('abort', () => changed());
  let at = sent;
  try {
    while (!signal.aborted && existsSync(file)) {
      const change = new Promise<void>((resolve) => (changed = resolve));
      const { size } = statSync(file);
      // Shorter than what was sent: a new file.
      await send(size < at ? 0 : at, size);
      at = size;
      await change;
    }
  } finally {
    watcher.close();
  }
}

/** Where the last lines begin. A log has at most 8 MiB. */
async function startOfTail(file: string, lines: number): Promise<number> {
  const bytes = await readFile(file);
  let at = bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length;
  for (let found = 0; found < lines && at >= 0; found += 1) at = bytes.lastIndexOf(10, at - 1);
  return lines === 0 ? bytes.length : at + 1;
}
