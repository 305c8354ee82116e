import { afterEach, describe, expect, it } from '@jest/globals';
import { router } from '@flotilla/contracts';
import { prometheusText } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GatewayConfig } from '../config.ts';
import {
  answerer,
  choice,
  devKey,
  finished,
  saysAndWaits,
  startPlatform,
  type Behind,
  type Platform,
  saysAsLongAsItIsRead,
} from '../platform.fixture.ts';

const regionSecret = 'shared-by-all-regions';
const platforms: Platform[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(platforms.splice(0).map((platform) => platform.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Place extends Platform {
  region: string;
}

/** A gateway of a region. Its engine says the region's name. */
async function place(
  region: string,
  config: Partial<GatewayConfig> = {},
  ports: Parameters<typeof startPlatform>[1] = {},
) {
  const over = { region, regionSecret, regionProbeMs: 50, ...config };
  const platform = await startPlatform(over, ports);
  platform.behind.chat = answersFrom(region);
  platforms.push(platform);
  return { ...platform, region };
}

function answersFrom(region: string, waitMs = 0): Behind['chat'] {
  return async function* ({ stream }) {
    yield answerer;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield choice({ role: 'assistant', content: `from ${region}`, ...(!stream && { finishReason: 'stop' }) });
    if (stream) yield choice({ finishReason: 'stop' });
    yield finished;
  };
}

function knows(home: Place, ...peers: { region: string; url: string }[]): void {
  const named = peers.map(({ region: name, url }) => ({ name, url }));
  home.file.set({ ...home.file.current, regions: { peers: named } });
}

const ask = (url: string, fields: object = {}, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...fields }),
    signal: signal ?? null,
  });

/** Where a chat is served, and what it says. */
async function served(url: string, fields: object = {}, headers: Record<string, string> = {}) {
  const response = await ask(url, fields, headers);
  return { region: response.headers.get('x-flotilla-region'), status: response.status, text: await response.text() };
}

const reaches = (url: string, region: string) => until(async () => (await served(url)).region === region);

/** A server that is a peer as far as its status says, and does as told with what it is sent. */
async function brokenPeer(
  region: string,
  answer: Parameters<typeof createServer>[1],
): Promise<{ region: string; url: string }> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/region') return void response.end(JSON.stringify({ region, status: 'ready' }));
    answer!(request, response as never);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.on('listening', resolve));
  return { region, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('two regions', () => {
  it('serve at home what both could serve, and say where it was', async () => {
    const [eu, us] = [await place('eu'), await place('us')];
    knows(eu, us);
    expect(await served(eu.url)).toMatchObject({ region: 'eu', status: 200, text: expect.stringContaining('from eu') });
    expect(us.behind.chats).toEqual([]);
  });

  it('stand in for each other while one is not ready, with the key the client sent', async () => {
    let ready = true;
    const eu = await place('eu', {}, { ready: () => ready });
    const us = await place('us');
    knows(eu, us);
    expect((await served(eu.url)).region).toBe('eu');
    ready = false;
    await reaches(eu.url, 'us');
    expect(us.behind.chats.at(-1)).toMatchObject({ caller: { keyId: 'key_dev' } });
    const id = 'client-chose-this';
    const response = await ask(eu.url, {}, { 'x-request-id': id });
    expect(response.headers.get('x-request-id')).toBe(id);
    ready = true;
    await reaches(eu.url, 'eu');
  });

  it('keep at home what needs a conversation or files of home', async () => {
    const eu = await place('eu', {}, { ready: () => false });
    const us = await place('us');
    knows(eu, us);
    await reaches(eu.url, 'us');
    for (const flotilla of [{ conversation_id: 'c1' }, { rag: true }, { rag: { store_ids: ['vs_1'] } }]) {
      expect((await served(eu.url, { flotilla })).region).toBe('eu');
    }
    expect((await served(eu.url, { flotilla: { rag: false } })).region).toBe('us');
  });

  it('send on what home would shed', async () => {
    const eu = await place('eu', { shedMaxConcurrency: 1 });
    const us = await place('us');
    knows(eu, us);
    const waits = saysAndWaits();
    eu.behind.chat = waits.chat;
    const leaving = new AbortController();
    const held = await ask(eu.url, { stream: true }, {}, leaving.signal);
    await reaches(eu.url, 'us');
    leaving.abort();
    await held.text().catch(() => undefined);
    await waits.left;
    eu.behind.chat = answersFrom('eu');
    await reaches(eu.url, 'eu');
  });

  it('send a model to the region that has it, and say 404 when none has', async () => {
    const model = router.Model.fromPartial({ capabilities: ['chat'], ready: true, ownedBy: 'x' });
    const eu = await place('eu', {}, { models: [{ ...model, name: 'only-eu' }] });
    const us = await place(
      'us',
      {},
      {
        models: [
          { ...model, name: 'only-us' },
          { ...model, name: 'cold', ready: false },
        ],
      },
    );
    knows(eu, us);
    await until(async () => (await served(eu.url, { model: 'only-us' })).region === 'us');
    expect((await served(eu.url, { model: 'only-eu' })).region).toBe('eu');
    expect((await served(eu.url, { model: 'nobody-has-it' })).region).toBe('eu');
    expect((await served(eu.url, { model: 'cold' })).region).toBe('eu');
  });

  it('use the one that is sooner by the margin, as measured', async () => {
    const [eu, us] = [await place('eu', { regionMarginMs: 100 }), await place('us')];
    eu.behind.chat = answersFrom('eu', 400);
    knows(eu, us);
    const stream = (url: string) => served(url, { stream: true });
    await until(
      async () => {
        const all = await Promise.all([...Array(6)].flatMap(() => [stream(eu.url), stream(us.url)]));
        return all.filter(({ region }) => region === 'us').length > 6;
      },
      { timeoutMs: 15_000 },
    );
    // One whose answer must be found again stays.
    expect((await served(eu.url, { stream: true }, { 'idempotency-key': 'k' })).region).toBe('eu');
  });

  it('relay a stream as it comes, and free the engine of a client that leaves', async () => {
    const eu = await place('eu', {}, { ready: () => false });
    const us = await place('us');
    knows(eu, us);
    await reaches(eu.url, 'us');
    const whole = await served(eu.url, { stream: true });
    expect(whole.text).toMatch(/from us[\s\S]*data: \[DONE\]\n\n$/);

    const waits = saysAndWaits();
    us.behind.chat = waits.chat;
    const leaving = new AbortController();
    const response = await ask(eu.url, { stream: true }, {}, leaving.signal);
    const { value } = await response.body!.getReader().read();
    expect(Buffer.from(value!).toString()).toContain('one');
    leaving.abort();
    await waits.left;
  });

  it('slow the engine down for a client of the other region that does not read', async () => {
    const eu = await place('eu', {}, { ready: () => false });
    const us = await place('us');
    knows(eu, us);
    await reaches(eu.url, 'us');
    const stream = saysAsLongAsItIsRead();
    us.behind.chat = stream.chat;
    const reader = (await ask(eu.url, { stream: true })).body!.getReader();
    await reader.read();
    expect(await stream.settled()).toBeLessThan(6_000);
    await reader.cancel();
  });

  it('tell strangers nothing of their models, and peers how soon they are served', async () => {
    const eu = await place('eu');
    const status = async (headers: Record<string, string> = {}) =>
      (await fetch(`${eu.url}/v1/region`, { headers })).json() as Promise<object>;
    expect(await status()).toEqual({ region: 'eu', status: 'ready' });
    expect(await status({ authorization: 'Bearer wrong' })).toEqual({ region: 'eu', status: 'ready' });
    await until(async () => 'models' in (await status({ authorization: `Bearer ${regionSecret}` })));
  });
});

describe('a request in a ring of regions, none of which is ready', () => {
  it('is never sent twice to the same, and is answered', async () => {
    const ready = () => false;
    const names = ['a', 'b', 'c'];
    const ring = await Promise.all(names.map((name) => place(name, { regionMaxHops: 4 }, { ready })));
    // A region that is not ready takes nothing: these say that they are.
    const peers = await Promise.all(
      ring.map(({ region, url }) =>
        brokenPeer(region, (request, response) => {
          const headers = Object.fromEntries(
            Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
          );
          const chunks: Buffer[] = [];
          request.on('data', (chunk: Buffer) => chunks.push(chunk));
          request.on('end', () => {
            for (const name of ['host', 'connection', 'content-length']) delete headers[name];
            void fetch(url + request.url!, { method: 'POST', headers, body: Buffer.concat(chunks) }).then(
              async (answer) => {
                response.writeHead(answer.status, {
                  'x-flotilla-region': answer.headers.get('x-flotilla-region') ?? '',
                });
                response.end(await answer.text());
              },
            );
          });
        }),
      ),
    );
    ring.forEach((home, at) => knows(home, peers[(at + 1) % 3]!));
    await until(async () => (await served(ring[0]!.url)).region === 'c');
    for (const { behind } of ring) behind.chats.length = 0;
    expect(await served(ring[0]!.url)).toMatchObject({ region: 'c', status: 200 });
    expect(ring.map(({ behind }) => behind.chats.length)).toEqual([0, 0, 1]);
  });
});

describe('a peer that fails', () => {
  const notReady = { ready: () => false };

  it('before its first byte costs nothing: the next one serves, or home', async () => {
    const eu = await place('eu', {}, notReady);
    let asked = 0;
    const cut = await brokenPeer('cut', (request) => {
      asked += 1;
      request.socket.destroy();
    });
    const busy = await brokenPeer('busy', (_request, response) => {
      asked += 1;
      response.writeHead(503).end();
    });
    knows(eu, cut, busy);
    await until(async () => {
      expect(await served(eu.url)).toMatchObject({ region: 'eu', status: 200 });
      return asked >= 2;
    });
    const us = await place('us');
    knows(eu, busy, us);
    await reaches(eu.url, 'us');
  });

  it('in the middle of a stream says so between events, and never that it is done', async () => {
    const eu = await place('eu', {}, notReady);
    const us = await brokenPeer('us', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"a":1}\n\n', () => response.destroy());
    });
    knows(eu, us);
    let text = '';
    await until(async () => (text = (await served(eu.url, { stream: true })).text).includes('"a":1'));
    expect(text).toMatch(/^data: {"a":1}\n\ndata: {"error":{[^\n]*"code":"unavailable"[^\n]*\n\n$/);
  });

  it('in the middle of an event or of a JSON is cut off, as it was', async () => {
    const eu = await place('eu', {}, notReady);
    const us = await brokenPeer('us', (request, response) => {
      const stream = request.headers['x-stream'] === '1';
      response.writeHead(200, {
        'content-type': stream ? 'text/event-stream' : 'application/json',
        'x-flotilla-region': 'us',
      });
      response.write('{"half":', () => response.destroy());
    });
    knows(eu, us);
    for (const headers of [{ 'x-stream': '0' }, { 'x-stream': '1' }]) {
      await until(async () => {
        const response = await ask(eu.url, {}, headers);
        if (response.headers.get('x-flotilla-region') !== 'us') return response.text().then(() => false);
        return response.text().then(
          () => false,
          () => true,
        );
      });
    }
  });

  it('or is another region than its name says, is left alone', async () => {
    const eu = await place('eu', {}, notReady);
    const us = await place('us');
    knows(eu, { region: 'asia', url: us.url }, { region: 'eu', url: eu.url });
    await until(() => prometheusText().includes('flotilla_gateway_region_peer_up{peer="asia"} 0'));
    for (let at = 0; at < 3; at += 1) expect((await served(eu.url)).region).toBe('eu');
    expect(us.behind.chats).toEqual([]);
  });
});
