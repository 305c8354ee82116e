import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, type Service } from '@flotilla/kernel';
import { logger } from './log.ts';

export interface OpsServerOptions {
  /** `host:port`, `[::1]:port` or `:port` (every address); port 0 takes a free one. */
  listen: string;
  /** What /readyz answers: whether the process can do its work now. */
  ready: () => Promise<boolean>;
  /** What /metrics answers: Prometheus text. */
  metrics: () => Promise<string>;
}

export interface OpsServer extends Service {
  /** Where it listens, e.g. `http://127.0.0.1:9100`. Throws before it has started. */
  address(): string;
}

/** Probes and scrapers keep few connections; more are refused. */
const maxConnections = 64;
/** A question that is not answered within this is answered with 503, in milliseconds. */
const answerMs = 5_000;

const log = logger('ops');

/**
 * The port for those who run the process, apart from its API: `/healthz` (the process lives), `/readyz` (it can work),
 * `/metrics`. It has no authentication: bind it to loopback or to the pod network.
 */
export function createOpsServer({ listen, ready, metrics }: OpsServerOptions): OpsServer {
  const answer = async (path: string | undefined): Promise<[status: number, type: string, body: string]> => {
    switch (path) {
      case '/healthz':
        return [200, 'text/plain', 'ok\n'];
      case '/readyz':
        return (await inTime(ready())) ? [200, 'text/plain', 'ready\n'] : [503, 'text/plain', 'not ready\n'];
      case '/metrics':
        return [200, 'text/plain; version=0.0.4', await inTime(metrics())];
      default:
        return [404, 'text/plain', 'There is /healthz, /readyz and /metrics.\n'];
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
      return;
    }
    let status = 503;
    let type = 'text/plain';
    let body = 'no answer\n';
    try {
      [status, type, body] = await answer(request.url?.split('?')[0]);
    } catch (error) {
      log.warn('a question to the ops port failed', { path: request.url, error });
    }
    response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  };

  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 65_000, maxHeaderSize: 8_192 },
    (request, response) => void handle(request, response),
  );
  server.maxConnections = maxConnections;

  return {
    name: 'ops',
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(readAddress(listen), () => {
          server.off('error', reject);
          server.on('error', (error) => log.error('the ops port failed', { error }));
          resolve();
        });
      }),
    ready: () => server.listening,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    address() {
      const at = server.address() as AddressInfo | null;
      if (!at) throw new Error('the ops server does not listen');
      return `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
    },
  };
}

function readAddress(listen: string): { host?: string; port: number } {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]*)):(?<port>\d{1,5})$/.exec(listen);
  if (!match) throw new Error(`not a host:port to listen on: ${listen}`);
  return { host: match.groups?.['six'] ?? (match.groups?.['host'] || undefined), port: Number(match.groups?.['port']) };
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = systemClock.after(answerMs, () => reject(new Error(`no answer in ${answerMs} ms`)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
