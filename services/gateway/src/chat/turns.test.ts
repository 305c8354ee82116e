import { afterEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { memoryKeyStore } from '../access/key-store.fixture.ts';
import type { GatewayConfig } from '../config.ts';
import { devKey, says, saysAndWaits, startPlatform, type Platform } from '../platform.fixture.ts';

const messages = [{ role: 'user', content: 'Hi' }];
const leaseTier =
  'tiers: { dev: { mode: lease, requests_per_minute: 100, tokens_per_minute: 100000, default_max_tokens: 50 } }';
const rule = 'rules: [{ id: r, kind: block, pattern: forbidden, message: We do not talk about that. }]';

let platform: Platform;
afterEach(() => platform.stop());

const start = async (yaml: string | undefined, config: Partial<GatewayConfig> = {}, models?: string[]) => {
  const keyStore = memoryKeyStore();
  platform = await startPlatform(config, { keyStore, ...(yaml !== undefined && { yaml }) });
  for (const [hash, record] of keyStore.records) keyStore.records.set(hash, { ...record, models });
};

const post = (path: string, body: object) =>
  fetch(`${platform.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const chat = (fields: object = {}) => post('/v1/chat/completions', { model: 'm', messages, ...fields });
const nothingAsked = () => {
  expect(platform.behind.reserves).toEqual([]);
  expect(platform.behind.chats).toEqual([]);
};

describe('a chat', () => {
  it('for a model that the key may not use is refused before any limit, and told what it may use', async () => {
    await start(undefined, {}, ['small', 'fast-*']);
    const refused = await chat();
    expect(refused.status).toBe(403);
    const { error } = (await refused.json()) as { error: { code: string; param: string; message: string } };
    expect(error).toMatchObject({ code: 'permission_denied', param: 'model' });
    expect(error.message).toContain('small, fast-*');
    nothingAsked();
    expect((await chat({ model: 'fast-1' })).status).toBe(200);
    expect((await chat({ model: 'small' })).status).toBe(200);
  });

  it('that a rule blocks uses no limit and no engine', async () => {
    await start(rule);
    const answer = (await (await chat({ messages: [{ role: 'user', content: 'a forbidden word' }] })).json()) as object;
    expect(answer).toMatchObject({
      choices: [{ finish_reason: 'content_filter', message: { content: 'We do not talk about that.' } }],
      usage: { total_tokens: 0 },
    });
    nothingAsked();
  });

  it('too many for its model is refused before it takes from a limit', async () => {
    await start(undefined, { shedMinConcurrency: 1, shedMaxConcurrency: 1 });
    const { chat: waits, started } = saysAndWaits();
    platform.behind.chat = waits;
    const leaving = new AbortController();
    const first = fetch(`${platform.url}/v1/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages }),
    });
    await started;
    const second = await chat();
    expect(second.status).toBe(503);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(platform.behind.reserves).toHaveLength(1);
    leaving.abort();
    await expect(first).rejects.toThrow();
    platform.behind.chat = says('ok');
    // Its place is free again.
    await until(async () => (await chat()).status === 200);
  });

  it('in strict mode hands on from whom its context is to be reserved', async () => {
    await start('tiers: { dev: { requests_per_minute: 9 } }');
    await chat();
    const [asked] = platform.behind.chats;
    expect(asked).toMatchObject({ leaseId: '', operation: 'chat' });
    expect(asked!.strictSubjects).toMatchObject([
      { kind: 'key', id: 'key_dev', requestsPerMinute: 9 },
      { kind: 'org' },
    ]);
    expect(asked!.reservedTokens).toBe(platform.behind.reserves[0]!.promptTokens + 100);
  });
});

describe('in lease mode', () => {
  it('only the first chat asks the limiter; the others say what is left, and name their lease', async () => {
    await start(leaseTier);
    await chat();
    await until(() => platform.behind.leases.length === 1);
    for (let request = 0; request < 3; request += 1) {
      const { status, headers } = await chat();
      expect(status).toBe(200);
      expect(headers.get('ratelimit-policy')).toContain('"rpm";q=60;w=60');
      expect(headers.get('x-ratelimit-remaining-requests')).not.toBeNull();
    }
    expect(platform.behind.reserves).toHaveLength(1);
    const named = platform.behind.chats.slice(1);
    const leases = platform.behind.leases.map(({ leaseId }) => leaseId);
    for (const { leaseId, maxTokens, strictSubjects } of named) {
      expect(leases).toContain(leaseId);
      expect({ maxTokens, strictSubjects }).toEqual({ maxTokens: 50, strictSubjects: [] });
    }
  });

  it('what is left of a lease is returned when the gateway drains', async () => {
    await start(leaseTier);
    await chat();
    await until(() => platform.behind.leases.length === 1);
    await chat();
    await platform.gateway.drain!(new AbortController().signal);
    const used = platform.behind.returns.reduce((sum, { requestsUsed }) => sum + requestsUsed, 0);
    expect(used).toBe(1);
    expect(platform.behind.returns.length).toBe(platform.behind.leases.length);
  });
});

describe('embeddings', () => {
  const embed = (model = 'm') => post('/v1/embeddings', { model, input: ['one', 'two'] });

  it('take their inputs from the limits, and hand on what was reserved', async () => {
    await start(undefined);
    expect((await embed()).status).toBe(200);
    expect(platform.behind.reserves).toMatchObject([{ outputTokens: 0, defaultOutputTokens: 0 }]);
    expect(platform.behind.reserves[0]!.promptTokens).toBeGreaterThanOrEqual(6);
    expect(platform.behind.embeds).toMatchObject([{ request: { model: 'm', inputs: ['one', 'two'] } }]);
    expect(platform.behind.embeds[0]!.reservedTokens).toBeGreaterThan(0);
  });

  it('that fail give back what was reserved', async () => {
    await start(undefined);
    platform.behind.embed = async () => Promise.reject(new FlotillaError('engine_unavailable'));
    expect((await embed()).status).toBe(503);
    await until(() => platform.behind.settles.length === 1);
  });

  it('keep to the models of the key', async () => {
    await start(undefined, {}, []);
    expect((await embed()).status).toBe(403);
    expect(platform.behind.embeds).toEqual([]);
  });
});
