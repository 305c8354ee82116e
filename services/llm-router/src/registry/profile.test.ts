import { describe, expect, it } from '@jest/globals';
import { listModels } from './model-list.ts';
import { facts, override, registryOf, targets } from './registry.fixture.ts';

describe('a deployment profile', () => {
  const profiles = {
    production: { models: ['llama*', 'hosted/*-8b'], roles: { chat: 'llama-big', vision: 'seeing' } },
    testing: { testing: true },
  };
  const models = [
    { name: 'llama-small', aliases: ['small'], targets: [{ provider: 'local' }], roles: ['summary'] },
    { name: 'llama-big', targets: [{ provider: 'local' }] },
    { name: 'seeing', targets: [{ provider: 'local' }], roles: ['vision', 'ocr'] },
    { name: 'mock', testing: true, targets: [{ provider: 'local' }] },
  ];
  const input = (profile?: string) => ({
    ...{
      providers: [
        { name: 'local', kind: 'vllm' },
        { name: 'hosted', kind: 'openrouter' },
      ],
      default_provider: 'hosted',
    },
    ...{ profiles, models, ...(profile && { profile }) },
  });
  const running = [facts('local', ['llama-small', 'llama-big', 'seeing', 'mock', 'served'])];
  const open = (profile?: string, settings = {}) => registryOf(input(profile), running, settings).registry;
  const listed = (registry: ReturnType<typeof open>) => listModels(registry, 0).map(({ name }) => name);

  it('shows and serves what its list names, by whatever name, and says why of the rest', () => {
    const registry = open('production');
    expect(listed(registry)).toEqual(['llama-big', 'llama-small']);
    expect(registry.resolve('small').name).toBe('llama-small');
    for (const name of ['seeing', 'served', 'local/served', 'anything', 'hosted/qwen-70b']) {
      expect(() => registry.resolve(name)).toThrow(
        `The model "${name}" is not part of the deployment profile "production".`,
      );
    }
  });

  it('lets the default provider, and providers by name, have only what the list names', () => {
    const registry = open('production');
    expect(targets(registry, 'llama-of-theirs')).toEqual(['hosted → llama-of-theirs']);
    expect(targets(registry, 'hosted/meta/llama-8b')).toEqual(['hosted → meta/llama-8b']);
  });

  it('that is none shows and serves everything but what is made for tests', () => {
    const registry = open();
    expect(listed(registry)).toEqual(['llama-big', 'llama-small', 'seeing', 'served']);
    expect(() => registry.resolve('mock')).toThrow('The model "mock" is made for tests');
    const withTests = listModels(registry, 0, { includeTestModels: true });
    expect(withTests.filter(({ testing }) => testing).map(({ name }) => name)).toEqual(['mock']);
  });

  it.each([
    ['the profile', 'testing', {}],
    ['a setting', undefined, { includeTestModels: true }],
  ])('serves what is made for tests when %s says so', (_by, profile, settings) => {
    const registry = open(profile, settings);
    expect(targets(registry, 'mock')).toEqual(['local → mock']);
    expect(listed(registry)).toContain('mock');
  });

  it('maps parts to models, and a part it does not name to a model that says it plays it', () => {
    const registry = open('production');
    expect(registry.resolve('role:chat').name).toBe('llama-big');
    expect(registry.resolve('role:summary').name).toBe('llama-small');
    expect(() => registry.resolve('role:vision')).toThrow('is not part of the deployment profile "production"');
    expect(() => registry.resolve('role:nothing')).toThrow('model "role:nothing"');
    expect(listModels(registry, 0).map(({ name, roles }) => [name, roles])).toEqual([
      ['llama-big', ['chat']],
      ['llama-small', ['summary']],
    ]);
    expect(open().resolve('role:ocr').name).toBe('seeing');
  });

  it('is the setting’s before the file’s, and what is set at run time before both', () => {
    const registry = open('production', { profile: 'testing' });
    expect(registry.snapshot.profile.name).toBe('testing');
    registry.override([override('setting', 'profile', 'production')]);
    expect(registry.snapshot.profile.name).toBe('production');
    registry.override([override('setting', 'profile', null)]);
    expect(registry.snapshot.profile.name).toBeUndefined();
  });

  it('that is not there keeps the router from starting', () => {
    expect(() => open(undefined, { profile: 'produktion' })).toThrow('there is no profile "produktion"');
  });
});

describe('the loopback alias', () => {
  const settings = { loopbackAlias: 'imageworks-chat' };
  const models = [
    { name: 'a', targets: [{ provider: 'a' }] },
    { name: 'b', targets: [{ provider: 'b' }] },
  ];
  const providers = ['a', 'b'].map((name) => ({ name, kind: 'vllm', base_url: `http://${name}/v1` }));

  it('means the model that plays the role chat', () => {
    const profiles = { one: { roles: { chat: 'b' } } };
    const { registry } = registryOf({ providers, models, profiles, profile: 'one' }, [facts('a', ['a'])], settings);
    expect(registry.resolve('imageworks-chat').name).toBe('b');
  });

  it('means the first chat model that is ready where none plays it, and the list shows which', () => {
    const { registry, directory } = registryOf({ providers, models }, [facts('a', ['a']), facts('b', ['b'])], settings);
    expect(registry.resolve('imageworks-chat').name).toBe('a');
    directory.update([facts('a', ['a'], { ready: false }), facts('b', ['b'])]);
    expect(registry.resolve('imageworks-chat').name).toBe('b');
    expect(listModels(registry, 0).map(({ name, aliases }) => [name, aliases])).toEqual([
      ['a', []],
      ['b', ['imageworks-chat']],
    ]);
    expect(() => registryOf({}, [], settings).registry.resolve('imageworks-chat')).toThrow('There is no model');
  });
});
