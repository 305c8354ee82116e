import { afterEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import fc from 'fast-check';
import { hash } from 'node:crypto';
import { keyRecord, memoryKeyStore } from '../access/key-store.fixture.ts';
import type { GatewayConfig } from '../config.ts';
import {
  aborted,
  answerer,
  choice,
  devKey,
  finished,
  says,
  startPlatform,
  type Platform,
} from '../platform.fixture.ts';

let platform: Platform;
afterEach(() => platform.stop());

const chat = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

async function start(config: Partial<GatewayConfig> = {}) {
  const keyStore = memoryKeyStore();
  const orgs = { 'sk-acme-0': 'acme', 'sk-globex-0': 'globex' };
  for (const [key, orgId] of Object.entries(orgs)) {
    keyStore.records.set(hash('sha256', key, 'hex'), keyRecord({ id: `key_${orgId}`, orgId, tier: 'dev' }));
  }
  platform = await startPlatform(config, { keyStore });
  return platform;
}

interface Sent {
  key?: string;
  body?: object;
  as?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  path?: string;
}

function send({ key, body = chat, as = devKey, headers = {}, signal, path = '/v1/chat/completions' }: Sent) {
  return fetch(platform.url + path, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${as}`, 'content-type': 'application/json', ...headers },
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** Answers in two pieces; the second one when it is let go. */
function saysSlowly() {
  let letGo = () => {};
  let left = false;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  platform.behind.chat = async function* ({ stream }, { signal }) {
    yield answerer;
    if (stream) yield choice({ role: 'assistant', content: 'one' });
    await Promise.race([held, aborted(signal).then(() => (left = true))]);
    if (left) throw new FlotillaError('cancelled');
    yield choice({ content: 'two', finishReason: 'stop' });
    yield finished;
  };
  return { letGo: () => letGo(), left: () => left };
}

/** Reads until the text has `part`; the reader goes on from there. */
async function readUntil(response: Response, part: string) {
  const reader = response.body!.getReader();
  let text = '';
  while (!text.includes(part)) text += Buffer.from((await reader.read()).value!).toString();
  return { reader, text };
}

describe('a request with an Idempotency-Key', () => {
  it('that is repeated gets the first answer, byte for byte, and nothing runs or is charged again', async () => {
    await start();
    const first = await send({ key: 'k' });
    const again = await send({ key: 'k', headers: { 'x-request-id': 'mine' } });
    expect(await again.text()).toBe(await first.text());
    expect(again.status).toBe(200);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(again.headers.get('x-request-id')).toBe('mine');
    expect(first.headers.get('x-ratelimit-limit-requests')).not.toBeNull();
    expect(again.headers.get('x-ratelimit-limit-requests')).toBeNull();
    expect(platform.behind.chats).toHaveLength(1);
    expect(platform.behind.reserves).toHaveLength(1);
  });

  it('that is repeated gets a stream with the same frames', async () => {
    await start();
    const body = { ...chat, stream: true };
    const first = await (await send({ key: 'k', body })).text();
    const again = await send({ key: 'k', body });
    expect(again.headers.get('content-type')).toContain('text/event-stream');
    expect(await again.text()).toBe(first);
    expect(first).toContain('[DONE]');
    expect(platform.behind.chats).toHaveLength(1);
  });

  it.each([
    ['/v1/chat', { message: 'Hi', model: 'm' }],
    ['/v1/completions', { model: 'm', prompt: 'Hi' }],
    ['/v1/embeddings', { model: 'm', input: 'Hi' }],
    ['/v1/messages', { ...chat, max_tokens: 9 }],
    ['/v1/moderations', { input: 'Hi' }],
  ])('is honoured by %s', async (path, body) => {
    await start();
    const first = await send({ key: 'k', path, body });
    const again = await send({ key: 'k', path, body });
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.text()).toBe(await first.text());
  });

  it('is not looked at where nothing is generated', async () => {
    await start();
    const make = () => send({ key: 'k', path: '/v1/vector_stores', body: { name: 'a' } });
    const ids = [await make(), await make()].map(async (response) => ((await response.json()) as { id: string }).id);
    expect(new Set(await Promise.all(ids)).size).toBe(2);
  });

  it('reused for another body is told of in the shape of the API that was asked', async () => {
    await start();
    const path = '/v1/messages';
    await send({ key: 'k', path, body: { ...chat, max_tokens: 9 } });
    const other = await send({ key: 'k', path, body: { ...chat, max_tokens: 8 } });
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  });

  it('follows the first one from its beginning while it runs', async () => {
    await start();
    const { letGo } = saysSlowly();
    const body = { ...chat, stream: true };
    const first = await readUntil(await send({ key: 'k', body }), 'one');
    const second = await readUntil(await send({ key: 'k', body }), 'one');
    expect(second.text).toBe(first.text);
    letGo();
    const rest = await Promise.all([first, second].map(({ reader }) => reader.read()));
    expect(rest.map(({ value }) => Buffer.from(value!).toString()).join('')).toMatch(/two.*two/s);
    expect(platform.behind.chats).toHaveLength(1);
  });

  it('that was used for another body or route is refused without a hint to retry', async () => {
    await start();
    await send({ key: 'k' });
    const others = [
      await send({ key: 'k', body: { ...chat, model: 'org/model:7b' } }),
      await send({ key: 'k', path: '/v1/embeddings', body: { model: 'm', input: 'x' } }),
    ];
    for (const other of others) {
      expect(other.status).toBe(422);
      expect(other.headers.get('x-should-retry')).toBe('false');
      expect(await other.json()).toMatchObject({ error: { code: 'idempotency_key_reused' } });
    }
  });

  it.each(['', 'x'.repeat(256), 'ümlaut'])('%j is refused', async (key) => {
    await start();
    // fetch refuses some of these itself: Latin-1 is what a header may carry.
    const response = await send({ key: Buffer.from(key).toString('latin1') });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'Idempotency-Key' } });
  });

  it.each([
    ['engine_unavailable', 503],
    ['rate_limit_exceeded', 429],
    ['context_length_exceeded', 400],
  ] as const)('that failed with %s runs anew', async (code, status) => {
    await start();
    platform.behind.chat = async function* () {
      throw new FlotillaError(code);
    };
    expect((await send({ key: 'k' })).status).toBe(status);
    platform.behind.chat = says('Hello');
    const again = await send({ key: 'k' });
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
  });

  it('whose stream broke off runs anew', async () => {
    await start();
    const body = { ...chat, stream: true };
    platform.behind.chat = async function* () {
      yield answerer;
      yield choice({ role: 'assistant', content: 'one' });
      throw new FlotillaError('engine_error');
    };
    const broken = await (await send({ key: 'k', body })).text();
    expect(broken).toContain('engine_error');
    platform.behind.chat = says('Hello');
    expect(await (await send({ key: 'k', body })).text()).toContain('[DONE]');
  });

  it('goes on for a while when its client leaves, and the repeat gets all of it', async () => {
    await start();
    const { letGo, left } = saysSlowly();
    const body = { ...chat, stream: true };
    const leaving = new AbortController();
    await readUntil(await send({ key: 'k', body, signal: leaving.signal }), 'one');
    leaving.abort();
    const again = await send({ key: 'k', body });
    letGo();
    expect(await again.text()).toMatch(/one.*two.*\[DONE\]/s);
    expect(left()).toBe(false);
    expect(platform.behind.chats).toHaveLength(1);
  });

  it('is ended when its client left and did not come back', async () => {
    await start({ idempotencyLingerMs: 0 });
    const { left } = saysSlowly();
    const leaving = new AbortController();
    await readUntil(await send({ key: 'k', body: { ...chat, stream: true }, signal: leaving.signal }), 'one');
    leaving.abort();
    await until(left);
    platform.behind.chat = says('Hello');
    expect((await send({ key: 'k' })).status).toBe(200);
  });

  it('whose answer is too large is answered in full, and not kept', async () => {
    await start({ sharedAnswerBytes: 1_000 });
    platform.behind.chat = says('x'.repeat(500_000));
    for (const stream of [false, true]) {
      const texts = [];
      for (let count = 0; count < 2; count += 1) {
        const response = await send({ key: `k${stream}`, body: { ...chat, stream } });
        expect(response.headers.get('idempotent-replayed')).toBeNull();
        texts.push(await response.text());
      }
      for (const text of texts) expect(text.length).toBeGreaterThan(500_000);
    }
    expect(platform.behind.chats).toHaveLength(4);
  });

  it('never gets what another organisation got, whatever they send', async () => {
    await start();
    platform.behind.chat = (request, context) => says(request.caller!.orgId)(request, context);
    const sent = fc.record({
      as: fc.constantFrom('sk-acme-0', 'sk-globex-0'),
      key: fc.constantFrom('a', 'b'),
      stream: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 2, maxLength: 6 }), async (requests) => {
        const answers = await Promise.all(
          requests.map(async ({ as, key, stream }) => {
            const headers: Record<string, string> = stream ? { 'x-flotilla-coalesce': '1' } : {};
            const response = await send({ as, ...(!stream && { key }), headers });
            return { as, text: await response.text() };
          }),
        );
        for (const { as, text } of answers) expect(text).toContain(`"content":"${as.split('-')[1]}"`);
      }),
      { numRuns: 30 },
    );
  });
});

describe('requests that wish to be coalesced', () => {
  const headers = { 'x-flotilla-coalesce': '1' };
  const body = { ...chat, stream: true };

  it('share one run while it is under way, and no longer', async () => {
    await start();
    const { letGo } = saysSlowly();
    const first = await readUntil(await send({ headers, body }), 'one');
    const second = await readUntil(await send({ headers, body }), 'one');
    const other = await readUntil(await send({ headers, body, as: 'sk-globex-0' }), 'one');
    const alone = await readUntil(await send({ body }), 'one');
    expect(platform.behind.chats).toHaveLength(3);
    letGo();
    for (const { reader } of [first, second, other, alone]) {
      expect(Buffer.from((await reader.read()).value!).toString()).toContain('two');
    }
    platform.behind.chat = says('Hello');
    expect(await (await send({ headers, body })).text()).toContain('Hello');
  });

  it('do not lose it when the first one leaves; when the last one does, it is ended', async () => {
    await start();
    const { left } = saysSlowly();
    const leaving = [new AbortController(), new AbortController()];
    const [, second] = [
      await readUntil(await send({ headers, body, signal: leaving[0]!.signal }), 'one'),
      await readUntil(await send({ headers, body, signal: leaving[1]!.signal }), 'one'),
    ];
    leaving[0]!.abort();
    const third = await readUntil(await send({ headers, body }), 'one');
    expect(third.text).toBe(second.text);
    expect(left()).toBe(false);
    leaving[1]!.abort();
    await third.reader.cancel();
    await until(left);
    expect(platform.behind.chats).toHaveLength(1);
  });

  it('get the same error when it fails', async () => {
    await start();
    let fail = () => {};
    const failing = new Promise<void>((resolve) => (fail = resolve));
    platform.behind.chat = async function* () {
      await failing;
      throw new FlotillaError('engine_unavailable');
    };
    const both = [send({ headers }), send({ headers })];
    await until(() => platform.behind.chats.length > 0);
    fail();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([503, 503]);
  });
});
