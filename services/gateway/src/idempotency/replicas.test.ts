import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import type { GatewayConfig } from '../config.ts';
import { devKey, says, saysAndWaits, startPlatform, type Platform } from '../platform.fixture.ts';

let database: Database;
const running: Platform[] = [];
/** What the database does with questions about idempotency keys. */
let trouble: 'none' | 'down' | 'hangs' = 'none';

beforeAll(async () => {
  const inner = await openDatabase('pglite://memory');
  const query: Database['query'] = (sql, parameters) => {
    if (!sql.includes('idempotency') || trouble === 'none' || parameters === undefined) {
      return inner.query(sql, parameters);
    }
    return trouble === 'down' ? Promise.reject(new FlotillaError('unavailable')) : new Promise(() => undefined);
  };
  database = {
    kind: inner.kind,
    ...{ query, transaction: (run, options) => inner.transaction(run, options) },
    ...{ prismaAdapter: () => inner.prismaAdapter(), ready: () => inner.ready(), close: () => inner.close() },
  };
});
afterAll(() => database.close());
beforeEach(() => void (trouble = 'none'));
afterEach(async () => {
  await Promise.all(running.splice(0).map((platform) => platform.stop()));
  await database.query('DELETE FROM gateway.idempotency');
});

async function gateway(config: Partial<GatewayConfig> = {}): Promise<Platform> {
  const platform = await startPlatform(config, { database });
  running.push(platform);
  return platform;
}

const chat = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

function send({ url }: Platform, body: object = chat, signal?: AbortSignal) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** Until the claim ended one way or the other: the client has its answer before the database does. */
const settled = () =>
  until(async () => {
    const rows = await database.query(`SELECT 1 FROM gateway.idempotency WHERE state = 'running'`, []);
    return rows.length === 0;
  });

describe('of two gateways, a request with an Idempotency-Key', () => {
  it.each([false, true])('runs on one, and the other replays it (stream: %s)', async (stream) => {
    const [a, b] = [await gateway(), await gateway()];
    const first = await (await send(a, { ...chat, stream })).text();
    const again = await send(b, { ...chat, stream });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.text()).toBe(first);
    expect(b.behind.chats).toHaveLength(0);
    await settled();
    expect((await send(b, { ...chat, stream: !stream })).status).toBe(422);
  });

  it('waits on the other until the first one ends', async () => {
    const [a, b] = [await gateway(), await gateway()];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    a.behind.chat = async function* (request, context) {
      await held;
      yield* says('Hello')(request, context);
    };
    const first = send(a);
    await until(() => a.behind.chats.length > 0);
    const second = send(b);
    letGo();
    expect(await (await second).text()).toBe(await (await first).text());
    expect(b.behind.chats).toHaveLength(0);
  });

  it('is told when to try again when the first one takes longer than it may wait', async () => {
    const [a, b] = [await gateway(), await gateway({ idempotencyWaitMs: 1 })];
    const { chat: waits, started } = saysAndWaits();
    a.behind.chat = waits;
    const leaving = new AbortController();
    const first = send(a, chat, leaving.signal).catch(() => undefined);
    await started;
    const second = await send(b);
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(second.headers.get('x-should-retry')).toBe('true');
    leaving.abort();
    await first;
  });

  it('is taken over when the gateway that had it died', async () => {
    const [a, b] = [await gateway(), await gateway()];
    const { chat: waits, started } = saysAndWaits();
    a.behind.chat = waits;
    const leaving = new AbortController();
    const first = send(a, chat, leaving.signal).catch(() => undefined);
    await started;
    const second = send(b);
    // Nobody says any more that the first one is alive.
    await database.query(`UPDATE gateway.idempotency SET lease_until = now() - interval '1 second'`, []);
    expect((await second).status).toBe(200);
    expect(b.behind.chats).toHaveLength(1);
    leaving.abort();
    await first;
  });

  it('is free for the other when the first gateway stops', async () => {
    const [a, b] = [await gateway(), await gateway()];
    const { chat: waits, started } = saysAndWaits();
    a.behind.chat = waits;
    const first = send(a).catch(() => undefined);
    await started;
    await a.gateway.stop();
    await first;
    expect((await send(b)).status).toBe(200);
    expect(b.behind.chats).toHaveLength(1);
  });

  it('runs once however often it is sent to both at the same time', async () => {
    const both = [await gateway(), await gateway()];
    const answers = await Promise.all([...both, ...both, ...both].map((platform) => send(platform)));
    const texts = new Set(await Promise.all(answers.map((answer) => answer.text())));
    expect(texts.size).toBe(1);
    expect(both.flatMap(({ behind }) => behind.chats)).toHaveLength(1);
  });
});

describe.each(['down', 'hangs'] as const)('a database that is in trouble (%s)', (kind) => {
  it('leaves keys to each gateway, which says so', async () => {
    const [a, b] = [
      await gateway({ idempotencyStoreTimeoutMs: 100 }),
      await gateway({ idempotencyStoreTimeoutMs: 100 }),
    ];
    trouble = kind;
    const first = await send(a);
    expect(first.headers.get('x-flotilla-idempotency')).toBe('this-gateway');
    const again = await send(a);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.text()).toBe(await first.text());
    expect((await send(b)).headers.get('idempotent-replayed')).toBeNull();
    expect([a, b].map(({ behind }) => behind.chats.length)).toEqual([1, 1]);
  });
});
