import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import type { limits } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { aborted, devKey, startPlatform, type Platform } from '../../platform.fixture.ts';
import { need } from '../admin/admin.fixture.ts';
import { ownUsage } from './usage.ts';

let database: Database;
let platform: Platform;
let userKey: Record<string, unknown>;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  platform = await startPlatform({}, { database });
  await need(platform.url, 'createOrg', { body: { id: 'acme', name: 'Acme', tier: 'dev' } });
  await need(platform.url, 'createUser', { params: { org: 'acme' }, body: { id: 'ann', name: 'Ann' } });
  userKey = await need(platform.url, 'createKey', { params: { org: 'acme' }, body: { name: 'k', user: 'ann' } });
});
afterAll(async () => {
  await platform.stop();
  await database.close();
});

const sum: limits.UsageSum = {
  ...{ day: '2026-11-21', model: 'm', keyId: 'key_1', userId: 'ann', requests: 2 },
  ...{ promptTokens: 10, completionTokens: 5, cachedTokens: 4, costMicros: 1_234_567.4 },
};
beforeEach(() => {
  platform.behind.usageQuestions.length = 0;
  platform.behind.getUsage = async () => ({ sums: [sum, { ...sum, model: '=m', costMicros: 1 }], truncated: false });
});

const get = (path: string, key: unknown = devKey, headers: Record<string, string> = {}) =>
  fetch(platform.url + path, { headers: { authorization: `Bearer ${String(key)}`, ...headers } });
const asked = () => platform.behind.usageQuestions.at(-1);

describe('GET /v1/usage', () => {
  it("tells what the key used, what that cost, and the key's limits", async () => {
    const response = await get('/v1/usage?from=2026-11-01&to=2026-11-21&group_by=day,model', userKey['secret']);
    const body = await response.json();
    ownUsage.response.parse(body);
    expect(body).toMatchObject({
      ...{ object: 'usage', of: 'key', id: userKey['id'], from: '2026-11-01', to: '2026-11-21' },
      group_by: ['day', 'model'],
      data: [
        {
          ...{ day: '2026-11-21', model: 'm', requests: 2, prompt_tokens: 10, completion_tokens: 5, cached_tokens: 4 },
          ...{ total_tokens: 15, cost_usd: 1.234567 },
        },
        { model: '=m', cost_usd: 0.000001 },
      ],
      total: { requests: 4, total_tokens: 30, cost_usd: 1.234568 },
      limits: expect.arrayContaining([{ scope: 'key', name: 'requests_per_minute', limit: expect.any(Number) }]),
    });
    expect(asked()).toEqual({
      ...{ orgId: 'acme', keyId: userKey['id'], userId: '', groupBy: ['day', 'model'] },
      ...{ from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 21) },
    });
  });

  it("tells what the key's user used with all keys, when asked", async () => {
    const response = await get('/v1/usage?of=user&group_by=', userKey['secret']);
    expect(await response.json()).toMatchObject({ of: 'user', id: 'ann', group_by: [] });
    expect(asked()).toMatchObject({ orgId: 'acme', keyId: '', userId: 'ann', groupBy: [] });
  });

  it('tells it as CSV, by format or by accept, without formulas in it', async () => {
    const lines = [
      'day,model,requests,prompt_tokens,completion_tokens,cached_tokens,total_tokens,cost_usd',
      '2026-11-21,m,2,10,5,4,15,1.234567',
      `2026-11-21,"'=m",2,10,5,4,15,0.000001`,
    ];
    const byFormat = await get('/v1/usage?group_by=day,model&format=csv');
    expect(byFormat.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const byAccept = await get('/v1/usage?group_by=day,model', devKey, { accept: 'text/csv' });
    for (const response of [byFormat, byAccept]) expect(await response.text()).toBe(`${lines.join('\r\n')}\r\n`);
  });

  it.each([
    ['from=yesterday', 'from'],
    ['from=2026-11-21&to=2026-11-20', 'from'],
    ['to=2026-02-30', 'to'],
    ['group_by=colour', 'group_by[0]'],
    ['group_by=user', 'group_by[0]'],
    ['format=xml', 'format'],
    ['of=user', 'of'],
    ['org=acme', 'org'],
  ])('refuses ?%s, and names %s', async (query, param) => {
    const response = await get(`/v1/usage?${query}`);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { code: 'invalid_request', param } },
    ]);
  });

  it('is 503 while the ledger is down, whatever way it is', async () => {
    for (const code of ['unavailable', 'deadline_exceeded', 'internal'] as const) {
      platform.behind.getUsage = async () => {
        throw new FlotillaError(code);
      };
      const response = await get('/v1/usage');
      expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'unavailable' } }]);
      expect(response.headers.get('x-should-retry')).toBe('true');
    }
  });

  it('asks nobody any longer when the client left', async () => {
    let left = () => {};
    const gone = new Promise<void>((resolve) => (left = resolve));
    let began = () => {};
    const under = new Promise<void>((resolve) => (began = resolve));
    platform.behind.getUsage = async (_request, { signal }) => {
      began();
      await aborted(signal);
      left();
      throw new FlotillaError('cancelled');
    };
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${devKey}` };
    const answer = fetch(`${platform.url}/v1/usage`, { headers, signal: leaving.signal }).catch(() => undefined);
    await under;
    leaving.abort();
    await answer;
    await gone;
  });
});

describe('GET /admin/api/usage', () => {
  it('tells what an organisation used, by any of day, model, key and user', async () => {
    const query = { org: 'acme', group_by: 'day,key,user', key: 'key_1', user: 'ann' };
    const body = await need(platform.url, 'getUsage', { query });
    expect(body).toMatchObject({ org: 'acme', data: [{ day: '2026-11-21', key: 'key_1', user: 'ann' }, {}] });
    expect(asked()).toMatchObject({ orgId: 'acme', keyId: 'key_1', userId: 'ann', groupBy: ['day', 'key', 'user'] });
  });

  it('says that there was more than it tells', async () => {
    platform.behind.getUsage = async () => ({ sums: [sum], truncated: true });
    expect(await need(platform.url, 'getUsage')).toMatchObject({ org: 'default', truncated: true });
    const asCsv = await get('/admin/api/usage?format=csv');
    expect([asCsv.status, await asCsv.json()]).toMatchObject([400, { error: { param: 'group_by' } }]);
  });

  it('is about 30 days unless it is told which', async () => {
    await need(platform.url, 'getUsage', { query: { to: '2026-11-21' } });
    expect(asked()).toMatchObject({ from: Date.UTC(2026, 9, 22), to: Date.UTC(2026, 10, 21) });
  });

  it('tells of no organisation that there is not', async () => {
    const response = await get('/admin/api/usage?org=nowhere');
    expect(response.status).toBe(404);
    expect(asked()).toBeUndefined();
  });
});
