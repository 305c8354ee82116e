import { createServer, request as send, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { freePort, until } from '@flotilla/testkit';
import { startIngress, type IngressServer } from './ingress.ts';
import type { Ingress } from './objects.ts';
import { fakeCluster, FakeFollowed } from './testing/fakes.ts';

const servers: Server[] = [];
let cluster: ReturnType<typeof fakeCluster>;
let ingress: IngressServer;

async function listen(answer: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

const webPort = (containerPort: number) => ({ ports: [{ name: 'web', containerPort }] });

beforeEach(async () => {
  cluster = fakeCluster();
  cluster.service('web');
  const ingresses = new FakeFollowed<Ingress>();
  ingresses.put('shop/web', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      rules: [
        {
          host: 'localhost',
          http: {
            paths: [{ path: '/v1', pathType: 'Prefix', backend: { service: { name: 'web', port: { name: 'http' } } } }],
          },
        },
      ],
    },
  });
  ingress = await startIngress({ ingresses, endpoints: cluster.endpoints });
});

afterEach(async () => {
  await ingress.stop();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const ask = (path: string, init: RequestInit = {}) =>
  fetch(ingress.url.replace('127.0.0.1', 'localhost') + path, { signal: AbortSignal.timeout(10_000), ...init });

it('passes a request on with its method, body and host, and the answer back with status and headers', async () => {
  const { port } = await listen(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    response.writeHead(201, { 'x-pod': 'one', 'set-cookie': ['a=1', 'b=2'] });
    response.end(`${request.method} ${request.url} ${body} ${request.headers['x-forwarded-host']}`);
  });
  cluster.pod('one', 'web', webPort(port));
  const response = await ask('/v1/chat?x=1', { method: 'POST', body: 'hello' });
  expect(response.status).toBe(201);
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(await response.text()).toBe(`POST /v1/chat?x=1 hello localhost:${new URL(ingress.url).port}`);
});

it('lets each part of a stream through at once, and tells the pod when the client leaves', async () => {
  let left = false;
  const { port } = await listen((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    response.on('close', () => (left = true));
  });
  cluster.pod('one', 'web', webPort(port));
  const client = new AbortController();
  const response = await ask('/v1/chat', { signal: client.signal });
  const { value } = await response.body!.getReader().read();
  expect(Buffer.from(value!).toString()).toBe('data: first\n\n');
  client.abort();
  await until(() => left, { what: 'the pod to hear that the client left' });
});

it('goes to another pod when one refuses the connection', async () => {
  const { port } = await listen((_, response) => void response.end('alive'));
  cluster.pod('dead', 'web', webPort(await freePort()));
  cluster.pod('alive', 'web', webPort(port));
  const answers = await Promise.all(Array.from({ length: 8 }, async () => (await ask('/v1/chat')).text()));
  expect(answers).toEqual(Array.from({ length: 8 }, () => 'alive'));
});

it('says that no pod is ready, and that no rule leads anywhere', async () => {
  const unready = await ask('/v1/chat');
  expect([unready.status, await unready.text()]).toEqual([
    503,
    expect.stringContaining('no ready pod of Service shop/web'),
  ]);
  expect((await ask('/other')).status).toBe(404);
});

it('does not pass off half an answer as a whole one', async () => {
  const { port } = await listen((_, response) => {
    response.write('half');
    response.flushHeaders();
    setImmediate(() => response.destroy());
  });
  cluster.pod('one', 'web', webPort(port));
  await expect(ask('/v1/chat').then((response) => response.text())).rejects.toThrow();
});

it('passes a WebSocket through', async () => {
  const { server, port } = await listen((_, response) => void response.end());
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: ${request.headers.upgrade}\r\nconnection: upgrade\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  cluster.pod('one', 'web', webPort(port));
  const socket = await new Promise<Socket>((resolve, reject) => {
    const headers = { host: 'localhost', connection: 'upgrade', upgrade: 'echo' };
    const upgrade = send(`${ingress.url}/v1/ws`, { headers });
    upgrade.on('upgrade', (_, upgraded) => resolve(upgraded)).on('error', reject);
    upgrade.end();
  });
  const echoed = new Promise((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString())));
  socket.write('hello');
  expect(await echoed).toBe('hello');
  socket.destroy();
});
