import { describe, expect, it } from '@jest/globals';
import { defaultEmbeddingModel, listModels } from './model-list.ts';
import { engines, facts, file, override, registryOf } from './registry.fixture.ts';

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
