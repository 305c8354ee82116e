import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ProbeFailure } from '../probe.ts';
import { createPodHttp } from './pod-http.ts';

const never = new AbortController().signal;
const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function engine(answer: http.RequestListener): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const server = http.createServer(answer).on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
}

function client() {
  const pods = createPodHttp();
  closers.push(() => pods.close());
  return pods;
}

describe('an engine in a pod', () => {
  it('is asked on one connection, with what is sent', async () => {
    const seen: string[] = [];
    const { url, connections } = await engine((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-type'] ?? ''}`);
      request.pipe(response.writeHead(201));
    });
    const pods = client();
    const headers = { 'content-type': 'application/json' };
    expect(await pods.ask(`${url}/a`, { method: 'POST', headers, body: '{"é":1}' }, never)).toEqual({
      ...{ status: 201, text: '{"é":1}' },
    });
    expect(await pods.ask(`${url}/b`, {}, never)).toEqual({ status: 201, text: '' });
    expect(seen).toEqual(['POST /a application/json', 'GET /b ']);
    expect(connections()).toBe(1);
  });

  it('that closes a connection as it is used again has failed at nothing', async () => {
    let asked = 0;
    const { url, connections } = await engine((request, response) => {
      asked += 1;
      if (asked === 2) request.socket.resetAndDestroy();
      else response.end(`${asked}`);
    });
    const pods = client();
    expect(await pods.ask(url, {}, never)).toMatchObject({ text: '1' });
    expect(await pods.ask(url, {}, never)).toMatchObject({ text: '3' });
    expect(connections()).toBe(2);
  });

  it('is given an order once, whatever becomes of it', async () => {
    const orders: string[] = [];
    const { url } = await engine((request, response) => {
      if (request.method === 'GET') return void response.end();
      orders.push(request.url!);
      request.socket.resetAndDestroy();
    });
    const pods = client();
    await pods.ask(url, {}, never);
    await expect(pods.ask(`${url}/sleep`, { method: 'POST' }, never)).rejects.toThrow('it broke the connection');
    expect(orders).toEqual(['/sleep']);
  });

  it.each([
    ['breaks off', (response: http.ServerResponse) => void response.write('a', () => response.destroy()), /connection/],
    ['has no end', (response: http.ServerResponse) => void response.write(Buffer.alloc(17 * 1_048_576)), /too long/],
  ])('whose answer %s gives a reason', async (_, answer, reason) => {
    const { url } = await engine((_request, response) => answer(response));
    const failure = await client()
      .ask(url, {}, never)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProbeFailure);
    expect(String(failure)).toMatch(reason);
  });

  it('that does not answer is waited for as long as the caller wants', async () => {
    const { url } = await engine(() => undefined);
    const ending = new AbortController();
    const asked = client().ask(url, {}, ending.signal);
    ending.abort();
    await expect(asked).rejects.toThrow('it did not answer in time');
    await expect(client().ask('http://127.0.0.1:9', {}, never)).rejects.toThrow('nothing listens at its address');
  });
});
