import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createOpsServer, type OpsServer } from './ops-server.ts';

describe('the ops port', () => {
  let server: OpsServer;
  let isReady = true;
  const start = async (metrics = () => Promise.resolve('up 1\n')) => {
    server = createOpsServer({ listen: '127.0.0.1:0', ready: () => Promise.resolve(isReady), metrics });
    await server.start();
  };
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(server.address() + path, init);
    return [response.status, await response.text()];
  };
  afterEach(() => server.stop());

  it('answers probes and scrapers', async () => {
    await start();
    isReady = true;
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz?verbose')).toEqual([200, 'ready\n']);
    isReady = false;
    expect(await get('/readyz')).toEqual([503, 'not ready\n']);
    expect(await get('/metrics')).toEqual([200, 'up 1\n']);
  });

  it('refuses what it does not know, by status', async () => {
    await start();
    expect((await get('/other'))[0]).toBe(404);
    expect((await get('/metrics', { method: 'POST', body: 'x' }))[0]).toBe(405);
    expect(await get('/metrics', { method: 'HEAD' })).toEqual([200, '']);
  });

  it('says 503 when metrics cannot be read, without the reason', async () => {
    await start(() => Promise.reject(new Error('inner')));
    expect(await get('/metrics')).toEqual([503, 'no answer\n']);
  });

  it('survives what is not HTTP, and ends with connections open', async () => {
    await start();
    const { port } = new URL(server.address());
    const socket = connect(Number(port), '127.0.0.1');
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.on('error', () => undefined);
    socket.write('\x16\x03\x01 nonsense\r\n\r\n');
    expect(await answer).toContain('400');
    const idle = connect(Number(port), '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    idle.on('error', () => undefined);
    await server.stop();
  });

  it('says so when its address is taken or not an address', async () => {
    await start();
    const taken = createOpsServer({
      listen: new URL(server.address()).host,
      ready: async () => true,
      metrics: async () => '',
    });
    await expect(taken.start()).rejects.toThrow('EADDRINUSE');
    const wrong = createOpsServer({ listen: 'nowhere', ready: async () => true, metrics: async () => '' });
    await expect(wrong.start()).rejects.toThrow('nowhere');
  });
});
