import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import { engines, facts, file, registryOf, targets } from './registry.fixture.ts';

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

  it('is the default provider’s where several have it, and the own engines’ before hosted ones', () => {
    const names = ['own', 'big', 'other'];
    const found = [facts('own', ['m']), ...['big', 'other'].map((name) => facts(name, ['m'], { kind: 'openrouter' }))];
    const providers = names.map((name) => ({ name, kind: name === 'own' ? 'vllm' : 'openrouter' }));
    const by = (provider: string | undefined) => registryOf({ providers, default_provider: provider }, found).registry;
    expect(targets(by('other'), 'm')).toEqual(['other → m']);
    expect(targets(by('own'), 'm')).toEqual(['own → m']);
    expect(targets(by(undefined), 'm')).toEqual(['own → m']);
  });

  it('is RunPod’s where that is the default: it never lists what it has', () => {
    const providers = [
      { name: 'own', kind: 'vllm' },
      { name: 'pod', kind: 'runpod', endpoint_id: 'e1' },
    ];
    const { registry } = registryOf({ providers, default_provider: 'pod' }, [facts('own', ['m'])]);
    expect(targets(registry, 'm')).toEqual(['pod → m']);
    expect(targets(registry, 'own/m')).toEqual(['own → m']);
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
