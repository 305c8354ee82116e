import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keysChanged } from '@flotilla/bus';
import { openDatabase, type Database } from '@flotilla/database';
import { until } from '@flotilla/testkit';
import { once } from 'node:events';
import { connect } from 'node:net';
import OpenAI from 'openai';
import {
  choice,
  devKey,
  finished,
  refuses,
  saysAndWaits,
  startPlatform,
  type Behind,
  saysAsLongAsItIsRead,
} from './platform.fixture.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());

const auth = { authorization: `Bearer ${devKey}` };
const body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };
const chat = (url: string, fields: object = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, ...fields }),
  });

/** A chat that says "a", and "b" when it is let. */
function inTwoParts(): { chat: Behind['chat']; finish(): void } {
  let finish = () => {};
  const waits = new Promise<void>((resolve) => (finish = resolve));
  return {
    finish: () => finish(),
    async *chat() {
      yield choice({ content: 'a' });
      await waits;
      yield choice({ content: 'b', finishReason: 'stop' });
      yield finished;
    },
  };
}

describe('the gateway', () => {
  it('says that it lives, that it is ready, and what it measures, without a key', async () => {
    const platform = await startPlatform({}, { database, metrics: async () => 'up 1\n' });
    const get = async (path: string) => {
      const response = await fetch(platform.url + path);
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, '{"status":"ok"}']);
    expect(await get('/v1/healthz')).toEqual([200, '{"status":"ok"}']);
    expect(await get('/readyz')).toEqual([200, '{"status":"ready"}']);
    expect(await get('/metrics')).toEqual([200, 'up 1\n']);
    await platform.stop();
  });

  it('is not ready while what stands behind it is not', async () => {
    const platform = await startPlatform({}, { database, ready: () => false });
    expect((await fetch(`${platform.url}/readyz`)).status).toBe(503);
    await platform.stop();
  });

  it('lets running streams finish when it drains, refuses new ones, and takes no connections', async () => {
    const platform = await startPlatform({}, { database });
    const parts = inTwoParts();
    platform.behind.chat = parts.chat;
    const stream = await chat(platform.url, { stream: true });
    const reader = stream.body!.getReader();
    await reader.read();
    const drained = platform.gateway.drain!(new AbortController().signal);
    expect(platform.gateway.ready()).toBe(false);
    await expect(chat(platform.url)).rejects.toThrow('fetch failed');
    parts.finish();
    let text = '';
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += Buffer.from(part.value).toString();
    expect(text).toContain('data: [DONE]');
    await drained;
    await platform.stop();
  });

  it('refuses a chat that comes over a kept connection while it drains, and closes that connection', async () => {
    const platform = await startPlatform({}, { database });
    const parts = inTwoParts();
    platform.behind.chat = parts.chat;
    const { port, hostname } = new URL(platform.url);
    const text = JSON.stringify({ ...body, stream: true });
    const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${devKey}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.on('data', (data) => (answer += data.toString()));
    // A connection that closes under a request that is on its way is reset; clients try another.
    socket.on('error', () => undefined);
    socket.write(request);
    await until(() => answer.includes('"a"'));
    const drained = platform.gateway.drain!(new AbortController().signal);
    socket.write(request);
    parts.finish();
    await until(() => socket.closed);
    await drained;
    const [first, second] = answer.split('HTTP/1.1 ').slice(1);
    expect(first).toContain('[DONE]');
    expect(second ?? '503').toContain('503');
    await platform.stop();
  });

  it('ends what is left at the deadline of the drain', async () => {
    const platform = await startPlatform({}, { database });
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const answer = chat(platform.url, { stream: true }).then((response) => response.text());
    const failed = answer.then(
      () => 'ended',
      () => 'broken off',
    );
    await waits.started;
    await platform.gateway.drain!(AbortSignal.abort());
    await platform.stop();
    await waits.left;
    expect(await failed).toBe('broken off');
  });

  it('refuses more chats than it may hold, and says to come back', async () => {
    const platform = await startPlatform({ maxConcurrentChats: 1 }, { database });
    const parts = inTwoParts();
    platform.behind.chat = parts.chat;
    const first = await chat(platform.url, { stream: true });
    const second = await chat(platform.url);
    expect(second.status).toBe(503);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(await second.json()).toMatchObject({ error: { code: 'overloaded', type: 'overloaded_error' } });
    parts.finish();
    expect(await first.text()).toContain('[DONE]');
    await platform.stop();
  });

  it('forgets a key when its change is announced', async () => {
    const platform = await startPlatform({}, { database });
    expect((await chat(platform.url)).status).toBe(200);
    await database.query(`UPDATE gateway.api_keys SET revoked_at = now() WHERE id = 'key_dev'`);
    await platform.bus.publish(keysChanged, { keyId: 'key_dev', orgId: '' });
    await until(async () => (await chat(platform.url)).status === 401);
    await platform.stop();
  });

  it('lets pages of the configured origins call it, and no others', async () => {
    const platform = await startPlatform({ corsOrigins: ['https://app.example'] }, { database });
    const preflight = (origin: string) =>
      fetch(`${platform.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'x-stainless-os',
        },
      });
    const allowed = await preflight('https://app.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-headers')).toBe('x-stainless-os');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const answer = await fetch(`${platform.url}/v1/models`, { headers: { ...auth, origin: 'https://app.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    await platform.stop();
  });

  it('slows the engine down for a client that does not read, and keeps its memory', async () => {
    const platform = await startPlatform({}, { database });
    const stream = saysAsLongAsItIsRead();
    platform.behind.chat = stream.chat;
    const response = await chat(platform.url, { stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    // The kernel's socket buffers and the client's own take some; 1.6 GB were to be had.
    expect(await stream.settled()).toBeLessThan(4_000);
    await reader.cancel();
    await platform.stop();
  });

  it('drops a client that leaves its stream unread for too long, and frees the engine', async () => {
    const platform = await startPlatform({ stallTimeoutMs: 50 }, { database });
    let freed = false;
    platform.behind.chat = async function* () {
      try {
        for (;;) yield choice({ content: 'x'.repeat(65_536) });
      } finally {
        freed = true;
      }
    };
    const { port, hostname } = new URL(platform.url);
    const text = JSON.stringify({ ...body, stream: true });
    const socket = connect(Number(port), hostname).pause();
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${devKey}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    );
    await until(() => freed);
    socket.destroy();
    await platform.stop();
  });

  it('serves a request that also offers h2c, as Java does', async () => {
    const platform = await startPlatform({}, { database });
    const { port, hostname } = new URL(platform.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n',
    );
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
    await platform.stop();
  });

  it('gives the official client what it needs to retry a limit', async () => {
    const platform = await startPlatform({}, { database });
    const { reserve } = platform.behind;
    platform.behind.reserve = async (request, context) => {
      if (platform.behind.reserves.length > 1) return reserve(request, context);
      return refuses('tokens_per_minute', 5);
    };
    const openai = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: devKey, maxRetries: 1 });
    const answer = await openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
    expect(answer.choices[0]!.message.content).toBe('Hello there');
    expect(platform.behind.reserves).toHaveLength(2);
    await platform.stop();
  });
});
