import { liveValue, platformFileSchema } from '@flotilla/kernel';
import { defaults } from '../config.ts';
import { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import type { Json, Override, OverrideKind } from './override.ts';
import { Registry, type RegistrySettings } from './registry.ts';

export type FileInput = Parameters<typeof platformFileSchema.parse>[0];

/** An engine that is the only one of a provider of its name. */
export function facts(id: string, models: string[], more: Partial<EndpointFacts> = {}): EndpointFacts {
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

export function registryOf(file: FileInput, engines: EndpointFacts[] = [], settings: Partial<RegistrySettings> = {}) {
  const directory = new EndpointDirectory();
  directory.update(engines);
  const live = liveValue(platformFileSchema.parse(file));
  const registry = new Registry(live, directory, {}, { ...defaults, ...settings });
  return { directory, live, registry, set: (next: FileInput) => live.set(platformFileSchema.parse(next)) };
}

/** `provider → model`, of the routes and then the fallbacks. */
export function targets(registry: Registry, name: string): string[] {
  const { routes, fallbacks } = registry.resolve(name);
  return [...routes, ...fallbacks].flatMap((route) =>
    route.targets.map((target) => `${target.endpoint.facts.provider} → ${target.model}`),
  );
}

export function override(kind: OverrideKind, name: string, definition: Json, updatedAt = 0): Override {
  return { kind, name, definition, updatedAt, updatedBy: 'key_1' };
}

export const file: FileInput = {
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
export const engines = [
  facts('local', ['llama', 'text-embed']),
  facts('found', ['mistral', 'taken']),
  facts('laptop', ['phi:latest'], { kind: 'ollama' }),
];

/** Without the model whose provider is not there. */
export const sound = { ...(file as { models: { name: string }[] }) };
sound.models = sound.models.filter(({ name }) => name !== 'away');
