import { createServer, type RequestListener, type Server } from 'node:http';
import { Server as GrpcServer, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { HandlerSpec } from '../pod-spec.ts';
import { runHandler, type CheckTarget } from './checks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const target = (port: number, code = 0): CheckTarget => ({
  podIP: '127.0.0.1',
  ports: [{ name: 'http', containerPort: port }],
  exec: async () => ({ code, output: code === 0 ? '' : 'no such table' }),
});
const run = (handler: HandlerSpec, port = 1, code = 0) => runHandler(handler, target(port, code), 2_000);

async function httpServer(listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener);
  cleanups.push(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

/** grpc.health.v1 with one answer, as bytes. */
async function healthServer(status: number): Promise<number> {
  const bytes = { requestSerialize: Buffer.from, requestDeserialize: Buffer.from };
  const path = '/grpc.health.v1.Health/Check';
  const check = { path, requestStream: false, responseStream: false, ...bytes };
  const responses = { responseSerialize: Buffer.from, responseDeserialize: Buffer.from };
  const server = new GrpcServer();
  server.addService({ check: { ...check, ...responses } } as unknown as ServiceDefinition, {
    check: (_call: unknown, respond: (error: null, answer: Buffer) => void) => respond(null, Buffer.from([8, status])),
  });
  cleanups.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

describe('a check of a container', () => {
  it('by HTTP asks a named port with its headers and takes 2xx and 3xx', async () => {
    const port = await httpServer((request, response) => {
      response.writeHead(request.headers['x-key'] === 'k' && request.url === '/ok' ? 302 : 503).end();
    });
    const httpHeaders = [{ name: 'X-Key', value: 'k' }];
    await run({ httpGet: { path: '/ok', port: 'http', httpHeaders } }, port);
    await expect(run({ httpGet: { port: 'http' } }, port)).rejects.toThrow('HTTP probe failed with statuscode: 503');
    await expect(run({ httpGet: { port: 'metrics' } }, port)).rejects.toThrow('the container has no port "metrics"');
  });

  it('by TCP takes what listens', async () => {
    const port = await httpServer(() => undefined);
    await run({ tcpSocket: { port } });
    await expect(run({ tcpSocket: { port: 1 } })).rejects.toThrow('dial tcp 127.0.0.1:1');
  });

  it('by gRPC takes SERVING alone', async () => {
    await run({ grpc: { port: await healthServer(1) } });
    await expect(run({ grpc: { port: await healthServer(2), service: 'a' } })).rejects.toThrow('NOT_SERVING');
    await expect(run({ grpc: { port: 1 } })).rejects.toThrow('service unhealthy');
  });

  it('by a command takes exit code 0', async () => {
    await run({ exec: { command: ['true'] } });
    await expect(run({ exec: { command: ['psql'] } }, 1, 1)).rejects.toThrow('no such table');
  });
});
