import { openDatabase, type Database } from '@flotilla/database';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type Platform } from '../../platform.fixture.ts';
import { ask, need, problem } from './admin.fixture.ts';

let platform: Platform;
let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  platform = await startPlatform({}, { database });
});
afterAll(async () => {
  await platform.stop();
  await database.close();
});

const setting = { kind: 'setting', name: 'default_provider' };

describe('what is set at run time', () => {
  it('is set, listed and taken back, with a row of the audit log for each', async () => {
    const body = { definition: 'openrouter' };
    expect(await need(platform.url, 'putOverride', { params: setting, body })).toMatchObject({
      ...{ object: 'override', kind: 'setting', name: 'default_provider', definition: 'openrouter' },
    });
    expect(await need(platform.url, 'listOverrides')).toMatchObject({ data: [{ name: 'default_provider' }] });
    await need(platform.url, 'deleteOverride', { params: setting });
    expect(problem(await ask(platform.url, 'deleteOverride', { params: setting }))).toMatchObject({ status: 404 });
    const audit = (await need(platform.url, 'listAudit')) as { data: { action: string; target: object }[] };
    expect(audit.data.map(({ action }) => action).slice(0, 2)).toEqual(['setting.delete', 'setting.put']);
  });

  it('takes names with slashes', async () => {
    const params = { kind: 'model', name: 'org/model:7b' };
    await need(platform.url, 'putOverride', { params, body: { definition: null } });
    expect(platform.registry.overrides.get('model org/model:7b')?.definitionJson).toBe('null');
  });

  it('says what is wrong with it, and leaves no trace', async () => {
    const refused = await ask(platform.url, 'putOverride', { params: setting, body: { definition: 'nowhere' } });
    expect(problem(refused)).toMatchObject({ status: 400, message: 'There is no provider "nowhere".' });
    const kind = { kind: 'tier', name: 'x' };
    expect(problem(await ask(platform.url, 'putOverride', { params: kind, body: { definition: 1 } }))).toMatchObject({
      ...{ status: 400, param: 'kind' },
    });
  });
});

describe('providers', () => {
  it('are listed without their keys', async () => {
    const { data } = (await need(platform.url, 'listProviders')) as { data: object[] };
    expect(data).toEqual([
      {
        ...{ object: 'provider', name: 'openrouter', kind: 'openrouter', base_url: 'https://o' },
        ...{ is_default: true, ready: true, has_key: true, source: 'file' },
      },
    ]);
  });

  it('list what they offer, anew when asked to', async () => {
    const asked = { params: { provider: 'openrouter' }, query: { refresh: 'true' } };
    expect(await need(platform.url, 'listProviderModels', asked)).toMatchObject({
      data: [{ id: 'a/b', name: 'a/b', context_window: 8_192, price: { input: 0.1, output: 0.2 } }],
    });
    expect(platform.registry.listed.at(-1)).toMatchObject({ provider: 'openrouter', refresh: true });
    const nobody = { params: { provider: 'nobody' } };
    expect(problem(await ask(platform.url, 'listProviderModels', nobody))).toMatchObject({ status: 404 });
  });
});

describe('the answer cache', () => {
  it('is purged whole by an admin of the platform', async () => {
    expect(await need(platform.url, 'purgeCache', { body: { model: 'm' } })).toEqual({
      ...{ object: 'cache_purge', deleted: 3 },
    });
    expect(platform.registry.purges.at(-1)).toMatchObject({ orgId: '', model: 'm' });
  });

  it('is purged by an admin of an organisation for that one alone', async () => {
    for (const id of ['acme', 'other']) {
      await need(platform.url, 'createOrg', { body: { id, name: id, tier: 'free' } });
    }
    const made = await need(platform.url, 'createKey', {
      params: { org: 'acme' },
      body: { name: 'a', scopes: ['org-admin'] },
    });
    const key = made['secret'] as string;
    await need(platform.url, 'purgeCache', { key, body: {} });
    expect(platform.registry.purges.at(-1)).toMatchObject({ orgId: 'acme', model: '' });
    const others = await ask(platform.url, 'purgeCache', { key, query: { org: 'other' }, body: {} });
    expect(problem(others)).toMatchObject({ status: 404 });
  });
});
