import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import { layOver } from './layers.ts';
import { override } from './registry.fixture.ts';

const file = platformFileSchema.parse({
  default_provider: 'a',
  profiles: { production: {} },
  providers: [
    { name: 'a', kind: 'vllm', base_url: 'http://a/v1', api_key_env: 'SECRET_OF_A' },
    { name: 'b', kind: 'openrouter', api_key_env: 'OPENROUTER_API_KEY' },
  ],
  models: [
    { name: 'm', targets: [{ provider: 'a' }], context_window: 8, price: { input: 1, output: 2 } },
    { name: 'n', targets: [{ provider: 'b' }] },
  ],
});
const lay = (...overrides: ReturnType<typeof override>[]) => layOver(file, overrides, []);
const mistakes = (...overrides: ReturnType<typeof override>[]) => {
  try {
    lay(...overrides);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('what is set at run time over the file', () => {
  it('is nothing: the file is as it is', () => {
    expect(lay().file).toBe(file);
  });

  it('replaces fields of an entry in its place, takes them away with null, and leaves the others', () => {
    const { file: whole, overridden } = lay(override('model', 'm', { context_window: 16, price: null }));
    expect(whole.models.map(({ name }) => name)).toEqual(['m', 'n']);
    expect(whole.models[0]).toEqual({ ...file.models[0], context_window: 16, price: undefined });
    expect('price' in whole.models[0]!).toBe(false);
    expect([...overridden.model]).toEqual(['m']);
    expect(file.models[0]!.context_window).toBe(8);
  });

  it('adds entries, hides them, and sets the default provider and the profile', () => {
    const { file: whole, hidden } = lay(
      override('provider', 'c', { kind: 'ollama' }),
      override('model', 'new', { targets: [{ provider: 'c' }] }),
      override('model', 'n', null),
      override('setting', 'default_provider', 'c'),
      override('setting', 'profile', 'production'),
    );
    expect(whole.providers.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(whole.models.map(({ name }) => name)).toEqual(['m', 'new']);
    expect([whole.default_provider, whole.profile]).toEqual(['c', 'production']);
    expect([...hidden.model]).toEqual(['n']);
    expect(lay(override('setting', 'default_provider', null)).file.default_provider).toBeUndefined();
  });

  it('is refused with every mistake named', () => {
    const message = mistakes(
      override('model', 'm', { targets: [{ provider: 'nowhere' }] }),
      override('model', 'n', { context_window: -1 }),
      override('model', 'x', 'text'),
      override('model', 'y', { name: 'z', targets: [{ provider: 'a' }] }),
      override('setting', 'default_provider', 'gone'),
      override('setting', 'profile', 7),
      override('setting', 'colour', 'red'),
    );
    for (const part of [
      'models.m.targets: there is no provider "nowhere"',
      'models.n.context_window: ',
      'models.x: ',
      'models.y.name: it is set as "y" and cannot call itself "z"',
      'default_provider: there is no provider "gone"',
      'profile: a name, or null for none',
      'there is no setting "colour". There are: default_provider, profile',
    ]) {
      expect(message).toContain(part);
    }
  });

  it('cannot take away a provider that a model or the default names', () => {
    expect(mistakes(override('provider', 'a', null))).toContain('models.m.targets: there is no provider "a"');
  });

  it.each([
    [{ api_key_env: 'FLOTILLA_DATABASE_URL' }, 'has to end with _API_KEY'],
    [{ api_key_env: 'FLOTILLA_ROUTER_API_KEY' }, 'has to end with _API_KEY'],
    [{ api_key_env: 'AWS_SECRET_ACCESS_KEY' }, 'has to end with _API_KEY'],
    [{ process: { command: ['sh'] } }, 'the fleet follows the file alone'],
  ])('cannot make a provider read other secrets or start processes: %j', (definition, text) => {
    expect(mistakes(override('provider', 'c', { kind: 'openai', ...definition }))).toContain(text);
    expect(mistakes(override('provider', 'b', definition))).toContain(text);
  });

  it('may name a key that the file names, or one that is named like a key', () => {
    expect(mistakes(override('provider', 'b', { api_key_env: 'SECRET_OF_A' }))).toBe('');
    expect(mistakes(override('provider', 'c', { kind: 'openai', api_key_env: 'OPENAI_API_KEY' }))).toBe('');
  });
});
