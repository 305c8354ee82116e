import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus, type Bus } from '@flotilla/bus';
import type { router } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { createSeededRandom, until } from '@flotilla/testkit';
import { answers, startFakeEngine, type FakeEngine } from './fake-engine.fixture.ts';
import { startRouter, textOf, valueOf, type Started } from './router.fixture.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};
const caller = { orgId: 'o', userId: 'u', keyId: 'key_1', requestId: 'r', tier: 'pro', models: [] };
const set = (service: Started, kind: string, name: string, definition: unknown) =>
  service.registry.setOverride({ caller, kind, name, definitionJson: JSON.stringify(definition) });
const describeIt = async (service: Started) =>
  JSON.parse((await service.registry.describeRegistry({ caller })).json) as Record<string, unknown>;

describe('providers that are switched at run time', () => {
  let engines: Record<'a' | 'b', FakeEngine>;
  let file: Parameters<Started['set']>[0];
  beforeEach(async () => {
    await database.query('drop schema if exists router cascade');
    engines = { a: kept(await startFakeEngine(answers('from a'))), b: kept(await startFakeEngine(answers('from b'))) };
    const providers = (['a', 'b'] as const).map((name) => ({
      ...{ name, kind: 'openai', base_url: `${engines[name].url}/v1` },
    }));
    file = { providers, default_provider: 'a' };
  });

  it('hold for every request that comes after the answer, and none under way is moved', async () => {
    const service = kept(await startRouter({ file, database }));
    const held: (() => void)[] = [];
    engines.a.script = (response, seen) => held.push(() => answers('from a')(response, seen));
    const before = service.generate({ model: 'x' });
    await until(() => held.length === 1);
    await set(service, 'setting', 'default_provider', 'b');
    expect(textOf(await service.generate({ model: 'x' }))).toBe('from b');
    held[0]!();
    expect(textOf(await before)).toBe('from a');
    expect(engines.b.seen).toHaveLength(1);
  });

  it('while many requests run: none begins on a provider that was not the default then', async () => {
    const service = kept(await startRouter({ file, database }));
    const random = createSeededRandom(7);
    let current: 'a' | 'b' = 'a';
    let switching = false;
    let wrong = 0;
    let asked = 0;
    const ask = async () => {
      const sure = switching ? undefined : current;
      const events = await service.generate({ model: `m${Math.floor(random.next() * 5)}` });
      const { provider = '' } = valueOf(events, 'answerer') ?? {};
      asked += 1;
      if (textOf(events) !== `from ${provider}` || (sure !== undefined && provider !== sure)) wrong += 1;
    };
    let running = true;
    const askers = Array.from({ length: 8 }, async () => {
      while (running) await ask();
    });
    for (let turn = 0; turn < 12; turn += 1) {
      const goal = asked + 10;
      await until(() => asked >= goal);
      const next: 'a' | 'b' = current === 'a' ? 'b' : 'a';
      switching = true;
      await set(service, 'setting', 'default_provider', next);
      current = next;
      switching = false;
    }
    running = false;
    await Promise.all(askers);
    expect(wrong).toBe(0);
    expect(engines.a.seen.length).toBeGreaterThan(10);
    expect(engines.b.seen.length).toBeGreaterThan(10);
  });
});

describe('two routers', () => {
  let bus: Bus;
  beforeEach(async () => {
    await database.query('drop schema if exists router cascade');
    bus = createMemoryBus();
  });
  afterEach(() => bus.close());
  const file = {
    providers: ['a', 'b'].map((name) => ({ name, kind: 'openai', base_url: `http://127.0.0.1:1/${name}/v1` })),
    default_provider: 'a',
  };
  const defaultOf = async (service: Started) => {
    const { providers } = await service.registry.listProviders({ caller, provider: '', refresh: false });
    return providers.find(({ isDefault }) => isDefault)?.name;
  };

  it('take over what is set on one of them, and what was set before they came', async () => {
    const one = kept(await startRouter({ file, database, bus }));
    const other = kept(await startRouter({ file, database, bus }));
    await set(one, 'setting', 'default_provider', 'b');
    expect(await defaultOf(one)).toBe('b');
    await until(async () => (await defaultOf(other)) === 'b');
    const third = kept(await startRouter({ file, database, bus }));
    expect(await defaultOf(third)).toBe('b');
    await other.registry.deleteOverride({ caller, kind: 'setting', name: 'default_provider' });
    await until(async () => (await defaultOf(one)) === 'a');
  });

  it('cannot together set what neither could alone', async () => {
    const one = kept(await startRouter({ file, database, bus }));
    const other = kept(await startRouter({ file, database, bus }));
    const results = await Promise.allSettled([
      set(one, 'provider', 'b', null),
      set(other, 'model', 'm', { targets: [{ provider: 'b' }] }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const problems = await Promise.all([one, other].map(async (service) => (await describeIt(service))['problem']));
    expect(problems).toEqual([null, null]);
  });
});

describe('what people see of the registry', () => {
  beforeEach(() => database.query('drop schema if exists router cascade'));
  const file = {
    providers: [
      { name: 'local', kind: 'vllm', base_url: 'http://user:secret@127.0.0.1:1/v1' },
      { name: 'hosted', kind: 'openrouter', api_key_env: 'HOSTED_API_KEY' },
    ],
    default_provider: 'hosted',
    profiles: { production: { models: ['m*'], roles: { chat: 'm' } } },
    models: [
      { name: 'm', aliases: ['fast'], targets: [{ provider: 'local' }] },
      { name: 'other', targets: [{ provider: 'local' }] },
    ],
  };

  it('is every name with where it is from and where it leads, without any secret', async () => {
    const env = { HOSTED_API_KEY: 'sk-very-secret-key' };
    const service = kept(await startRouter({ file, env, database }));
    await set(service, 'setting', 'profile', 'production');
    await set(service, 'model', 'm', { description: 'changed' });
    const { json } = await service.registry.describeRegistry({ caller });
    expect(json).not.toContain('secret');
    expect(JSON.parse(json)).toMatchObject({
      ...{ problem: null, default_provider: 'hosted', profile: 'production', roles: { chat: 'm' } },
      models: [
        {
          ...{ name: 'm', source: 'override', aliases: ['fast'], served: true, ready: true },
          routes: [{ weight: 1, of: 'm', targets: ['configured:local m'] }],
        },
        { name: 'other', source: 'file', served: false, refused: expect.stringContaining('"production"') },
      ],
      providers: [
        { name: 'local', has_key: false, source: 'file' },
        { name: 'hosted', has_key: true, source: 'file' },
      ],
      endpoints: [{ base_url: 'http://127.0.0.1:1/v1' }, { provider: 'hosted' }],
      overrides: [
        { kind: 'setting', name: 'profile', definition: 'production', updated_by: 'key_1' },
        { kind: 'model', name: 'm', definition: { description: 'changed' } },
      ],
    });
    const { overrides } = await service.registry.listOverrides({ caller });
    expect(overrides.map(({ kind, name, updatedBy }) => [kind, name, updatedBy])).toEqual([
      ['setting', 'profile', 'key_1'],
      ['model', 'm', 'key_1'],
    ]);
  });

  it('are the providers as they are set now', async () => {
    const env = { HOSTED_API_KEY: 'sk-very-secret-key' };
    const service = kept(await startRouter({ file, env, database }));
    await set(service, 'provider', 'new', { kind: 'ollama' });
    const { providers } = await service.registry.listProviders({ caller, provider: '', refresh: false });
    const seen = ({ name, source, isDefault, hasKey, baseUrl }: router.Provider) =>
      [name, source, isDefault, hasKey, baseUrl] as const;
    expect(providers.map(seen)).toEqual([
      ['local', 'file', false, false, 'http://127.0.0.1:1/v1'],
      ['hosted', 'file', true, true, 'https://openrouter.ai/api/v1'],
      ['new', 'override', false, false, 'http://127.0.0.1:11434'],
    ]);
    const none = await service.registry.listProviders({ caller, provider: 'gone', refresh: false });
    expect(none.providers).toEqual([]);
  });

  it('is refused a change with what is wrong, and nothing is changed', async () => {
    const service = kept(await startRouter({ file, database }));
    await expect(set(service, 'setting', 'default_provider', 'gone')).rejects.toMatchObject({
      ...{ code: 'invalid_request', details: { param: 'definition' } },
      message: 'The registry would not be valid: default_provider: there is no provider "gone".',
    });
    expect((await service.registry.listOverrides({ caller })).overrides).toEqual([]);
    expect((await describeIt(service))['default_provider']).toBe('hosted');
  });

  it('cannot be changed without a database; chats go on', async () => {
    const engine = kept(await startFakeEngine(answers('fine')));
    const providers = [{ name: 'a', kind: 'vllm', base_url: `${engine.url}/v1` }];
    const service = kept(
      await startRouter({ file: { providers, models: [{ name: 'm', targets: [{ provider: 'a' }] }] } }),
    );
    await expect(set(service, 'model', 'm', null)).rejects.toMatchObject({ code: 'unavailable' });
    expect(textOf(await service.generate({ model: 'm' }))).toBe('fine');
  });
});
