import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { devKey, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const get = async (path: string) =>
  (await fetch(platform.url + path, { headers: { authorization: `Bearer ${devKey}` } })).json();

describe('what an admin may look at', () => {
  it('is the registry as the router holds it', async () => {
    expect(await get('/v1/debug/registry')).toEqual({ models: [{ name: 'm' }], problem: null });
  });

  it('is what is started on demand', async () => {
    expect(await get('/v1/autostart/status')).toEqual({
      object: 'autostart',
      enabled: true,
      services: [
        {
          ...{ name: 'vllm:qlora', provider: 'local', models: ['qlora'], state: 'ready', reason: null },
          ...{ pid: 42, port: 24_001, active_model: 'qlora', since: 1_700_000_000 },
          ...{ last_used_at: null, idle_stop_ms: null, log_file: null },
        },
      ],
    });
  });
});
