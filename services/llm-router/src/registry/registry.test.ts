import { describe, expect, it } from '@jest/globals';
import { liveValue, platformFileSchema } from '@flotilla/kernel';
import { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import { defaultEmbeddingModel, listModels } from './model-list.ts';
import { defaults } from '../config.ts';
import { Registry } from './registry.ts';

type FileInput = Parameters<typeof platformFileSchema.parse>[0];

function facts(id: string, models: string[], more: Partial<EndpointFacts> = {}): EndpointFacts {
  return {
    id,
    provider: id,
    kind: 'vllm',
    baseUrl: `http://${id}/v1`,
    ready: true,
    models: models.map((name) => ({ name, capabilities: [] })),
    waiting: 0,
    since: 5,
    ...more,
  };
}

function registryOf(file: FileInput, engines: EndpointFacts[] = []) {
  const directory = new EndpointDirectory();
  directory.update(engines);
  const live = liveValue(platformFileSchema.parse(file));
  const registry = new Registry(live, directory, {}, defaults);
  return { directory, live, registry };
}

/** `provider → model`, of the routes and then the fallbacks. */
function targets(registry: Registry, name: string): string[] {
  const { routes, fallbacks } = registry.resolve(name);
  return [...routes, ...fallbacks].flatMap((route) =>
    route.targets.map((target) => `${target.endpoint.facts.provider} → ${target.model}`),
  );
}

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
