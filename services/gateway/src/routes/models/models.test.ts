import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { memoryKeyStore } from '../../access/key-store.fixture.ts';
import { devKey, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const get = (path: string) => fetch(`${platform.url}/v1/models${path}`, { headers: { 'x-api-key': devKey } });

describe('models', () => {
  it('are listed for the official client, with what the platform knows of them', async () => {
    const openai = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: devKey });
    const found: OpenAI.Model[] = [];
    for await (const model of openai.models.list()) found.push(model);
    expect(found.map(({ id }) => id)).toEqual(['m', 'org/model:7b', 'cuttable']);
    expect(found[0]).toEqual({
      ...{ id: 'm', object: 'model', created: 1_700_000_000, owned_by: 'sim' },
      flotilla: {
        ...{ ready: true, installed: true, active: true, testing: false },
        ...{ capabilities: ['chat'], context_window: 8_192, aliases: ['mm'], adapters: [], roles: [], served_ids: [] },
      },
    });
    expect(await openai.models.retrieve('org/model:7b')).toMatchObject({ id: 'org/model:7b', object: 'model' });
  });

  it.each(['/org/model:7b', '/org%2Fmodel:7b', '/org%2Fmodel%3A7b'])(
    'are found by names with slashes: %s',
    async (path) => {
      expect(await (await get(path)).json()).toMatchObject({ id: 'org/model:7b', owned_by: 'flotilla' });
    },
  );

  it('are found by an alias', async () => {
    expect(await (await get('/mm')).json()).toMatchObject({ id: 'm' });
  });

  it('that are not there are not found', async () => {
    const response = await get('/nope');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } });
  });

  it('that a key may not use are neither listed nor found', async () => {
    const keyStore = memoryKeyStore();
    const limited = await startPlatform({}, { keyStore });
    for (const [hash, record] of keyStore.records) keyStore.records.set(hash, { ...record, models: ['org/*'] });
    const ask = (path: string) => fetch(`${limited.url}/v1/models${path}`, { headers: { 'x-api-key': devKey } });
    expect(await (await ask('')).json()).toMatchObject({ data: [{ id: 'org/model:7b' }] });
    expect((await ask('/org/model:7b')).status).toBe(200);
    expect((await ask('/m')).status).toBe(404);
    await limited.stop();
  });
});
