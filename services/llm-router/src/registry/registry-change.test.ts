import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { platformFileSchema, watchPlatformFile } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { defaults } from '../config.ts';
import { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import { listModels } from './model-list.ts';
import { Registry } from './registry.ts';
import { engines, facts, override, registryOf, sound, targets } from './registry.fixture.ts';

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

  it('hides the aliases and adapters of a model with it: nobody else is asked for them', () => {
    const named = { name: 'fast', aliases: ['gpt-4', 'quick'], adapters: [{ name: 'sql' }] };
    const { registry } = registryOf({ ...sound, models: [{ ...named, targets: [{ provider: 'local' }] }] }, engines);
    const hidden = override('model', 'fast', null);
    registry.override([hidden]);
    for (const name of ['fast', 'gpt-4', 'quick', 'sql']) {
      expect(() => registry.resolve(name)).toThrow(`The model "${name}" was taken out of service.`);
    }
    registry.override([hidden, override('model', 'slow', { aliases: ['quick'], targets: [{ provider: 'hosted' }] })]);
    expect(registry.resolve('quick').name).toBe('slow');
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

describe('a platform file that was broken by its newest change', () => {
  it('stays as it was, and what is wrong with it is shown', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-registry-'));
    try {
      const place = path.join(folder, 'flotilla.yaml');
      const clock = createFakeClock();
      writeFileSync(place, JSON.stringify(sound));
      const watched = watchPlatformFile(place, { clock });
      const registry = new Registry(watched, new EndpointDirectory(), {}, defaults);
      writeFileSync(place, JSON.stringify({ ...sound, default_provider: 'somewhere else' }));
      clock.advance(1_000);
      expect(registry.file.default_provider).toBe('hosted');
      expect(registry.problem).toContain('default_provider: there is no provider "somewhere else"');
      writeFileSync(place, JSON.stringify({ ...sound, default_provider: 'local' }));
      clock.advance(1_000);
      expect([registry.file.default_provider, registry.problem]).toEqual(['local', undefined]);
      watched.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
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
