import { describe, expect, it } from '@jest/globals';
import { parsePlatformFile } from './platform-file.ts';
import { brokenReferences } from './references.ts';

describe('a platform file whose parts do not fit together', () => {
  it('is refused with every mistake at once', () => {
    const text = `
default_provider: hosted
profile: production
providers: [{ name: a, kind: vllm }, { name: a, kind: ollama }]
models:
  - { name: m, aliases: [fast], targets: [{ provider: b }], fallbacks: [c/x, a/y, fast] }
  - { name: n, aliases: [m], targets: [{ provider: a }], adapters: [{ name: fast }] }
  - { name: n, targets: [{ provider: a }] }`;
    const mistakes = [
      'providers: "a" is there twice',
      'models: "n" is the name of the model "n" and of the model "n"',
      'models: "m" is the name of the model "m" and of an alias of "n"',
      'models: "fast" is the name of an alias of "m" and of an adapter of "n"',
      'default_provider: there is no provider "hosted"',
      'models.m.targets: there is no provider "b"',
      'models.m.fallbacks: "c/x" is neither a model nor begins with a provider’s name',
      'profile: there is no profile "production"',
    ];
    expect(() => parsePlatformFile(text, 'f.yaml')).toThrow(`f.yaml is not valid:\n  ${mistakes.join('\n  ')}`);
  });

  it('may name any provider while it names none itself, or one that was found', () => {
    const file = parsePlatformFile('default_provider: ollama\nmodels: [{ name: m, targets: [{ provider: ollama }] }]');
    expect(brokenReferences(file)).toEqual([]);
    expect(brokenReferences(file, ['ollama'])).toEqual([]);
    expect(brokenReferences(file, ['vllm'])).toHaveLength(2);
  });

  it('may name the engines of the cluster, which nobody configures, and name nothing else so', () => {
    const text = (name: string) => `
providers: [{ name: ${name}, kind: vllm }]
models: [{ name: m, targets: [{ provider: fleet }], fallbacks: [fleet/n] }]`;
    expect(parsePlatformFile(text('a')).models).toHaveLength(1);
    expect(() => parsePlatformFile(text('fleet'))).toThrow('choose another name');
  });

  it('is fine when they do', () => {
    const text = `
profile: production
profiles: { production: { models: ['llama*'], roles: { chat: llama } } }
providers: [{ name: a, kind: vllm }]
models: [{ name: llama, aliases: [l], targets: [{ provider: a }], fallbacks: [a/x, l, sql], adapters: [{ name: sql }] }]`;
    expect(parsePlatformFile(text).profiles['production']).toEqual({
      ...{ models: ['llama*'], roles: { chat: 'llama' }, testing: false },
    });
  });
});
