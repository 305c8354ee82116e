import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import fc from 'fast-check';
import { defaultEmbeddingModel, listModels } from './model-list.ts';
import { facts, override, registryOf, targets, type FileInput } from './registry.fixture.ts';

const file: FileInput = {
  providers: [
    { name: 'local', kind: 'vllm', base_url: 'http://local/v1' },
    { name: 'hosted', kind: 'openrouter' },
    { name: 'laptop', kind: 'ollama' },
  ],
  default_provider: 'hosted',
  models: [
    { name: 'fast', targets: [{ provider: 'local', model: 'llama' }], fallbacks: ['hosted/meta/llama'] },
    { name: 'unnamed', targets: [{ provider: 'local' }] },
    { name: 'away', targets: [{ provider: 'nowhere', model: 'x' }] },
    { name: 'taken', targets: [{ provider: 'hosted', model: 'mine' }] },
    { name: 'vectors', targets: [{ provider: 'local' }], capabilities: ['embeddings'] },
  ],
};
const engines = [
  facts('local', ['llama', 'text-embed']),
  facts('found', ['mistral', 'taken']),
  facts('laptop', ['phi:latest'], { kind: 'ollama' }),
];

describe('what a client calls a model', () => {
  it.each([
    ['fast', ['local → llama', 'hosted → meta/llama'], 'is what the file says'],
    ['taken', ['hosted → mine'], 'is what the file says before what an engine calls so'],
    ['unnamed', ['local → llama'], 'is the one thing the engine serves when the target names none'],
    ['vectors', ['local → text-embed'], 'is the embedding model where the capability says so'],
    ['away', [], 'is known though its provider is not'],
    ['mistral', ['found → mistral'], 'is what an engine serves'],
    ['phi', ['laptop → phi'], 'is what Ollama lists with a tag'],
    ['local/llama', ['local → llama'], 'may name the provider'],
    ['hosted/qwen/qwen-3', ['hosted → qwen/qwen-3'], 'may name a provider that takes any'],
    ['anything', ['hosted → anything'], 'is the default provider’s in the end'],
  ])('%s → %j: it %s', (name, expected) => {
    expect(targets(registryOf(file, engines).registry, name)).toEqual(expected);
  });

  it('is refused by name when nothing knows it', () => {
    const { registry } = registryOf({ ...(file as object), default_provider: undefined }, engines);
    expect(() => registry.resolve('anything')).toThrow('There is no model "anything".');
    expect(() => registry.resolve('local/nothing')).toThrow('There is no model');
    expect(() => registry.resolve('')).toThrow('There is no model');
  });

  it('is never sent to another provider than the one it names', () => {
    expect(() => registryOf(file, engines).registry.resolve('local/nothing')).toThrow('There is no model');
  });

  it('is not the default provider’s when that takes only what it serves', () => {
    const { registry } = registryOf({ ...(file as object), default_provider: 'local' }, engines);
    expect(() => registry.resolve('anything')).toThrow('There is no model');
  });

  it('is one thing on several engines', () => {
    const { registry } = registryOf({}, [facts('a', ['m']), facts('b', ['m'])]);
    expect(targets(registry, 'm')).toEqual(['a → m', 'b → m']);
  });
});

describe('a change', () => {
  it('of the file holds from the next request on', () => {
    const { registry, live } = registryOf(file, engines);
    expect(targets(registry, 'fast')[0]).toBe('local → llama');
    const models = [{ name: 'fast', targets: [{ provider: 'laptop', model: 'phi' }] }];
    live.set(platformFileSchema.parse({ ...(file as object), models }));
    expect(targets(registry, 'fast')).toEqual(['laptop → phi']);
  });

  it('of a provider’s address holds before the fleet has seen it', () => {
    const { registry, live } = registryOf(file, engines);
    const providers = [{ name: 'local', kind: 'vllm' as const, base_url: 'http://elsewhere/v1' }];
    live.set(platformFileSchema.parse({ ...(file as object), providers }));
    const [route] = registry.resolve('fast').routes;
    expect(route!.targets.map((target) => target.endpoint.facts.baseUrl)).toEqual(['http://elsewhere/v1']);
  });

  it('of the engines keeps the counts of those that stay', () => {
    const { registry, directory } = registryOf({}, [facts('a', ['m'])]);
    registry.resolve('m').routes[0]!.targets[0]!.endpoint.inFlight = 3;
    directory.update([facts('a', ['m', 'n'], { waiting: 2 }), facts('b', ['m'])]);
    const found = registry
      .resolve('m')
      .routes[0]!.targets.map(({ endpoint }) => [endpoint.inFlight, endpoint.facts.waiting]);
    expect(found).toEqual([
      [3, 2],
      [0, 0],
    ]);
  });

  it('of load figures alone resolves nothing anew', () => {
    const { registry, directory } = registryOf({}, [facts('a', ['m'])]);
    const before = registry.resolve('m');
    directory.update([facts('a', ['m'], { waiting: 7 })]);
    expect(registry.resolve('m')).toBe(before);
    expect(before.routes[0]!.targets[0]!.endpoint.facts.waiting).toBe(7);
  });
});

describe('a provider in the file', () => {
  it('that is a process here has no engine until the fleet says so', () => {
    const provider = { name: 'p', kind: 'vllm', base_url: 'http://p/v1', process: { command: ['vllm'] } };
    const { registry, directory } = registryOf({
      providers: [provider],
      models: [{ name: 'm', targets: [{ provider: 'p' }] }],
    });
    expect(targets(registry, 'm')).toEqual([]);
    directory.update([facts('p', ['m'])]);
    expect(targets(registry, 'm')).toEqual(['p → m']);
  });
});

describe('a name of the configuration', () => {
  const models = [
    {
      ...{ name: 'llama', aliases: ['gpt-4', 'fast'], targets: [{ provider: 'local', model: 'meta/llama' }] },
      ...{ adapters: [{ name: 'llama-sql' }, { name: 'llama-fr' }], capabilities: ['chat', 'tools'] },
    },
    { name: 'away', targets: [{ provider: 'down', model: 'gone' }], fallbacks: ['gpt-4', 'big'] },
    { name: 'big', targets: [{ provider: 'far' }], fallbacks: ['away', 'llama', 'far/other'] },
  ];
  const providers = ['local', 'down', 'far'].map((name) => ({ name, kind: 'vllm', base_url: `http://${name}/v1` }));
  const running = [facts('local', ['meta/llama', 'llama-sql']), facts('down', ['x']), facts('far', ['big', 'other'])];
  const open = () => registryOf({ providers, models }, running).registry;

  it('may be an alias: the answer is signed with the model’s own name', () => {
    const registry = open();
    expect(registry.resolve('gpt-4')).toBe(registry.resolve('llama'));
    expect(registry.resolve('fast').name).toBe('llama');
  });

  it('may be an adapter: its engines are the model’s that hold it, asked for it by its name', () => {
    const registry = open();
    expect(targets(registry, 'llama-sql')).toEqual(['local → llama-sql']);
    expect(registry.resolve('llama-sql')).toMatchObject({
      ...{ name: 'llama-sql', adapter: true, entry: { name: 'llama' }, capabilities: ['chat', 'tools'] },
    });
    expect(targets(registry, 'llama-fr')).toEqual([]);
  });

  it('may be a fallback: it brings its routes, then its own fallbacks, each model once', () => {
    const registry = open();
    expect(targets(registry, 'away')).toEqual(['local → meta/llama', 'far → big', 'far → other']);
    expect(registry.resolve('away').fallbacks.map(({ entry }) => entry?.name)).toEqual(['llama', 'big', undefined]);
    expect(targets(registry, 'big')).toEqual(['far → big', 'local → meta/llama', 'far → other']);
  });

  it('brings what an answer costs at each target', () => {
    const priced = { name: 'p', price: { input: 1, output: 2 }, targets: [{ provider: 'local' }, { provider: 'far' }] };
    const { registry } = registryOf({
      providers,
      models: [{ ...priced, targets: [{ provider: 'local' }, { provider: 'far', price: { input: 3, output: 4 } }] }],
    });
    expect(registry.resolve('p').routes.map(({ price }) => price)).toEqual([priced.price, { input: 3, output: 4 }]);
  });
});

describe('a name that is not known', () => {
  it('is answered with near ones that are', () => {
    const { registry } = registryOf({ ...(file as object), default_provider: undefined }, engines);
    expect(() => registry.resolve('mistrl')).toThrow(
      'There is no model "mistrl". Did you mean "mistral"? GET /v1/models lists those there are.',
    );
    expect(() => registry.resolve('nothing-like-it')).toThrow(
      'There is no model "nothing-like-it". GET /v1/models lists those there are.',
    );
  });
});

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

/** Without the model whose provider is not there. */
const sound = { ...(file as { models: { name: string }[] }) };
sound.models = sound.models.filter(({ name }) => name !== 'away');

describe('what is set at run time', () => {
  it('holds from the next request on', () => {
    const { registry } = registryOf(sound, engines);
    expect(targets(registry, 'fast')[0]).toBe('local → llama');
    registry.override([
      override('model', 'fast', { targets: [{ provider: 'laptop', model: 'phi' }], fallbacks: null }),
    ]);
    expect(targets(registry, 'fast')).toEqual(['laptop → phi']);
    registry.override([]);
    expect(targets(registry, 'fast')[0]).toBe('local → llama');
  });

  it('switches the default provider for every name that nothing else knows', () => {
    const { registry } = registryOf(sound, engines);
    expect(targets(registry, 'anything')).toEqual(['hosted → anything']);
    registry.override([
      override('provider', 'other', { kind: 'openai', base_url: 'http://other/v1' }),
      override('setting', 'default_provider', 'other'),
    ]);
    expect(targets(registry, 'anything')).toEqual(['other → anything']);
  });

  it('moves a provider, whatever the fleet still says of where it was', () => {
    const { registry } = registryOf(sound, engines);
    const urls = () =>
      registry.resolve('fast').routes[0]!.targets.map(({ endpoint: { facts: one } }) => [one.kind, one.baseUrl]);
    registry.override([override('provider', 'local', { base_url: 'http://elsewhere/v1' })]);
    expect(urls()).toEqual([['vllm', 'http://elsewhere/v1']]);
    registry.override([override('provider', 'local', { kind: 'openai' })]);
    expect(urls()).toEqual([['openai', 'http://local/v1']]);
  });

  it('hides a model or a provider, whoever serves it', () => {
    const { registry } = registryOf(sound, engines);
    registry.override([override('model', 'mistral', null), override('provider', 'found', null)]);
    expect(() => registry.resolve('mistral')).toThrow('The model "mistral" was taken out of service.');
    expect(listModels(registry, 0).map(({ name }) => name)).not.toContain('mistral');
    expect(registry.endpoints().map(({ facts: { provider } }) => provider)).toEqual(['local', 'laptop', 'hosted']);
    expect(() => registry.resolve('found/mistral')).toThrow('There is no model');
  });

  it('that does not fit leaves all as it was, and says why', () => {
    const { registry } = registryOf(sound, engines);
    const bad = override('model', 'fast', { targets: [{ provider: 'nowhere' }] });
    const good = override('setting', 'default_provider', null);
    expect(() => registry.check([good, bad])).toThrow('there is no provider "nowhere"');
    registry.override([good, bad]);
    expect(registry.problem).toContain('there is no provider "nowhere"');
    expect(targets(registry, 'anything')).toEqual(['hosted → anything']);
    registry.override([good]);
    expect(registry.problem).toBeUndefined();
    expect(() => registry.resolve('anything')).toThrow('There is no model');
  });

  it('survives a change of the file that does not fit with it, on the file before', () => {
    const { registry, set } = registryOf(sound, engines);
    registry.override([override('model', 'new', { targets: [{ provider: 'local', model: 'llama' }] })]);
    set({ ...sound, models: [], default_provider: 'laptop', providers: [{ name: 'laptop', kind: 'ollama' }] });
    expect(targets(registry, 'new')).toEqual(['local → llama']);
    expect(targets(registry, 'anything')).toEqual(['hosted → anything']);
    expect(registry.problem).toContain('models.new.targets: there is no provider "local"');
    registry.override([]);
    expect(registry.problem).toBeUndefined();
    expect(registry.file.default_provider).toBe('laptop');
  });
});

describe('whatever the layers say', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const model = fc.record({
    name: fc.constantFrom('m', 'n', 'o', 'a/m'),
    targets: fc.array(fc.record({ provider: name }), { minLength: 1, maxLength: 3 }),
    fallbacks: fc.array(fc.constantFrom('a/x', 'b/y', 'd/z', 'm', 'n', 'o'), { maxLength: 3 }),
  });
  const provider = fc.record({ name, kind: fc.constantFrom('vllm', 'openai', 'openrouter') });
  const layers = fc.record({
    providers: fc.uniqueArray(provider, { selector: (one) => one.name }),
    models: fc.uniqueArray(model, { selector: (one) => one.name }),
    default_provider: fc.option(name, { nil: undefined }),
  });
  const overrides = fc.uniqueArray(
    fc.oneof(
      fc.tuple(name, fc.constantFrom('openai', null)).map(([one, kind]) => override('provider', one, kind && { kind })),
      model.map((one) => override('model', one.name, one)),
      name.map((one) => override('setting', 'default_provider', one)),
    ),
    { maxLength: 3, selector: ({ kind, name: one }) => `${kind} ${one}` },
  );

  it('no name leads to a provider that they do not have, before or after any change', () => {
    fc.assert(
      fc.property(layers, layers, overrides, fc.subarray(['a', 'b', 'c', 'd']), (first, next, set, up) => {
        const parsed = platformFileSchema.parse(first);
        const { registry, live, directory } = registryOf(parsed, []);
        const look = () => {
          const { file: whole, hidden } = registry.snapshot;
          const known = new Set([...whole.providers.map((one) => one.name), ...directory.providers()]);
          for (const asked of ['m', 'n', 'o', 'x', 'a/m', 'b/q', 'd/z', 'else']) {
            const found = registry.find(asked);
            const routes = [...(found?.routes ?? []), ...(found?.fallbacks ?? [])];
            for (const { endpoint } of routes.flatMap((route) => route.targets)) {
              expect(known).toContain(endpoint.facts.provider);
              expect(hidden.provider).not.toContain(endpoint.facts.provider);
              expect(registry.endpoints()).toContain(endpoint);
            }
          }
        };
        look();
        registry.override(set);
        look();
        directory.update(up.map((one) => facts(one, ['m', 'x'])));
        look();
        live.set(platformFileSchema.parse(next));
        look();
      }),
    );
  });
});

describe('the list of models', () => {
  it('holds what is configured and what was found, each once, sorted, with what they can do', () => {
    const { registry } = registryOf(file, [...engines, facts('down', ['sleeping'], { ready: false })]);
    const list = listModels(registry, 42).map(({ name, ready, capabilities, ownedBy, createdAt }) => [
      name,
      ready,
      capabilities.join(),
      ownedBy,
      createdAt,
    ]);
    expect(list).toEqual([
      ['fast', true, 'chat', 'local', 42],
      ['llama', true, 'chat', 'local', 5],
      ['mistral', true, 'chat', 'found', 5],
      ['phi:latest', true, 'chat', 'laptop', 5],
      ['sleeping', false, 'chat', 'down', 5],
      ['taken', true, 'chat', 'hosted', 42],
      ['text-embed', true, 'embeddings', 'local', 5],
      ['unnamed', true, 'chat', 'local', 42],
      ['vectors', true, 'embeddings', 'local', 42],
    ]);
  });

  it('says of each where it is from, what serves it, and whether it is there', () => {
    const { registry } = registryOf(
      {
        providers: [
          { name: 'local', kind: 'vllm' },
          { name: 'later', kind: 'vllm', process: { command: ['vllm'] } },
        ],
        models: [
          {
            ...{ name: 'llama', aliases: ['l'], targets: [{ provider: 'local', model: 'meta/llama' }] },
            ...{ adapters: [{ name: 'sql', description: 'Writes SQL' }], price: { input: 1, output: 2 } },
            ...{ installed: '/', description: 'Small', context_window: 4_096 },
          },
          { name: 'absent', targets: [{ provider: 'local', model: 'meta/llama' }], installed: '/nowhere/to/be/found' },
          { name: 'unloaded', targets: [{ provider: 'local', model: 'other' }] },
          { name: 'coming', targets: [{ provider: 'later' }] },
        ],
      },
      [facts('local', ['meta/llama', 'sql'])],
    );
    registry.override([override('model', 'coming', { description: 'Soon' })]);
    const list = listModels(registry, 42);
    expect(list.map(({ name, installed, active, source }) => [name, installed, active, source])).toEqual([
      ['coming', true, false, 'override'],
      ['llama', true, true, 'file'],
      ['meta/llama', true, true, 'engine'],
      ['sql', true, true, 'file'],
    ]);
    expect(list[1]).toMatchObject({
      ...{ aliases: ['l'], adapters: ['sql'], servedIds: ['meta/llama'], providers: ['local'], description: 'Small' },
      ...{ inputPrice: 1, outputPrice: 2, contextWindow: 4_096, testing: false },
    });
    expect(list[3]).toMatchObject({ description: 'Writes SQL', servedIds: ['sql'], adapters: [] });
    const all = listModels(registry, 42, { includeNonInstalled: true });
    expect(all.filter(({ installed }) => !installed).map(({ name }) => name)).toEqual(['absent', 'unloaded']);
  });

  it('names the model that embeds when none is asked for', () => {
    expect(defaultEmbeddingModel(registryOf(file, engines).registry)).toBe('vectors');
    const served = registryOf({}, [
      facts('a', ['m', 'z-embed'], { ready: false }),
      facts('b', ['nomic-embed', 'zz-embed']),
    ]);
    expect(defaultEmbeddingModel(served.registry)).toBe('nomic-embed');
    expect(() => defaultEmbeddingModel(registryOf({}, [facts('a', ['m'])]).registry)).toThrow('"embeddings"');
  });
});
