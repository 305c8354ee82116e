import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Followed } from '@flotilla/kubernetes';
import { connectToOne, join } from './connect.ts';
import type { Endpoints } from './endpoints.ts';
import { routesOf, type FindBackend } from './ingress-routes.ts';
import type { Ingress } from './objects.ts';

export interface IngressOptions {
  ingresses: Pick<Followed<Ingress>, 'items' | 'onChange'>;
  endpoints: Endpoints;
  /** On 127.0.0.1. Absent: a free one. */
  port?: number;
}

export interface IngressServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Of one connection, so never passed on: RFC 9110 §7.6.1. */
const ofTheConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'expect']);
/** What this proxy says of a request, whatever the client said. */
const saidHere = new Set(['x-forwarded-proto', 'x-forwarded-host']);
const neverPassed = new Set([...ofTheConnection, ...saidHere]);

/**
 * Serves Ingress objects: streams both ways, holds nothing back, passes WebSockets. Each request has its own connection to
 * its pod, so a pod that refuses is known before anything was sent and the next is tried. A response may take as long as it
 * wants; it ends with the client. Annotations are ignored.
 */
export async function startIngress({ ingresses, endpoints, port = 0 }: IngressOptions): Promise<IngressServer> {
  let find: FindBackend | undefined;
  const forget = ingresses.onChange(() => (find = undefined));
  let turn = 0;
  const sockets = new Set<Socket>();

  /** A connection to a pod for the request, or why there is none. */
  const reach = async (request: IncomingMessage): Promise<Socket | { status: 404 | 503; text: string }> => {
    find ??= routesOf(ingresses.items.values());
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    const backend = find(host, (request.url ?? '/').split('?')[0]!);
    if (!backend) return { status: 404, text: `no Ingress has a rule for ${host}${request.url}` };
    const name = `${backend.namespace}/${backend.service}`;
    const service = endpoints.service(backend.namespace, backend.service);
    const candidates = service ? endpoints.of(service, backend.port) : [];
    turn += 1;
    const socket = await connectToOne(candidates, turn);
    if (!socket)
      return { status: 503, text: `no ready pod of Service ${name} takes connections on port ${backend.port}` };
    hold(socket);
    return socket;
  };
  const hold = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };

  const server = createServer((request, response) => {
    void reach(request).then((reached) => {
      if ('status' in reached) refuse(response, reached);
      else if (response.destroyed) reached.destroy();
      else passOn(request, response, reached);
    });
  });
  server.on('connection', hold);
  server.on('upgrade', (request, client: Socket, head) => {
    void reach(request).then((reached) => {
      if ('status' in reached) client.end(`HTTP/1.1 ${reached.status} ${reached.text}\r\nconnection: close\r\n\r\n`);
      else if (client.destroyed) reached.destroy();
      else joinSockets(request, client, head, reached);
    });
  });
  await listen(server, port);

  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    async stop() {
      forget();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function passOn(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  const { method, url: path, rawHeaders } = request;
  const headers = [...without(neverPassed, rawHeaders), ...forwarded(request), 'connection', 'close'];
  const upstream = send({ createConnection: () => socket, method, path, headers, setHost: false });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode!, answer.statusMessage, without(ofTheConnection, answer.rawHeaders));
    response.flushHeaders();
    // Ends the connection when the pod broke off, so that half an answer is not taken for a whole one.
    pipeline(answer, response, () => undefined);
  });
  upstream.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else refuse(response, { status: 502, text: `the pod broke off before it answered: ${error.message}` });
  });
  response.on('close', () => socket.destroy());
  request.pipe(upstream);
}

function joinSockets(request: IncomingMessage, client: Socket, head: Buffer, pod: Socket): void {
  const { method, url, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/1.1`];
  const headers = [...without(saidHere, rawHeaders), ...forwarded(request)];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  pod.write(`${lines.join('\r\n')}\r\n\r\n`);
  pod.write(head);
  join(client, pod);
}

/** `name, value, name, value, …` without headers of these names. */
function without(names: ReadonlySet<string>, rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !names.has(rawHeaders[at - (at % 2)]!.toLowerCase()));
}

function forwarded({ headers, socket }: IncomingMessage): string[] {
  const client = socket.remoteAddress ?? 'unknown';
  return ['x-forwarded-for', client, 'x-forwarded-proto', 'http', 'x-forwarded-host', headers.host ?? ''];
}

function refuse(response: ServerResponse, { status, text }: { status: number; text: string }): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, () => resolve());
  });
}
