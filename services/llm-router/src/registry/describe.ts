import type { ModelPrice } from '@flotilla/kernel';
import { isReady } from './model-list.ts';
import type { Override } from './override.ts';
import type { Registry } from './registry.ts';
import type { Resolution, Route } from './resolution.ts';

/** Everything the registry holds and where it has it from, for people who look for a mistake. No keys, and no addresses with one. */
export function describeRegistry(registry: Registry, overrides: readonly Override[]): object {
  const { file, overridden, hidden, profile, loopbackAlias } = registry.snapshot;
  const configured = new Set(file.models.flatMap(({ name, adapters }) => [name, ...adapters.map((one) => one.name)]));
  const served = registry.endpoints().flatMap(({ facts }) => facts.models.map(({ name }) => name));
  return {
    problem: registry.problem ?? null,
    default_provider: file.default_provider ?? null,
    profile: profile.name ?? null,
    roles: profile.roles,
    loopback_alias: loopbackAlias ?? null,
    loopback_model: (loopbackAlias !== undefined && registry.find(loopbackAlias)?.name) || null,
    models: [
      ...file.models.map(({ name, aliases, adapters, testing }) => ({
        ...{ name, aliases, adapters: adapters.map((adapter) => adapter.name), testing },
        ...{ source: overridden.model.has(name) ? 'override' : 'file', ...state(registry, name) },
      })),
      ...[...new Set(served)]
        .filter((name) => !configured.has(name))
        .map((name) => ({ name, source: 'engine', ...state(registry, name) })),
    ],
    hidden: { models: [...hidden.model], providers: [...hidden.provider] },
    providers: file.providers.map((provider) => ({
      ...{ name: provider.name, kind: provider.kind, has_key: registry.hasKey(provider.name) },
      source: overridden.provider.has(provider.name) ? 'override' : 'file',
    })),
    endpoints: registry.endpoints().map(({ facts }) => ({
      ...{ id: facts.id, provider: facts.provider, kind: facts.kind, base_url: withoutCredentials(facts.baseUrl) },
      ...{ ready: facts.ready, models: facts.models.map(({ name }) => name), activatable: facts.activatable ?? [] },
    })),
    overrides: overrides.map(({ kind, name, definition, updatedAt, updatedBy }) => ({
      ...{ kind, name, definition, updated_at: new Date(updatedAt).toISOString(), updated_by: updatedBy },
    })),
  };
}

/** An address without the user and password that may stand in it. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}

function state(registry: Registry, name: string): object {
  const resolution = registry.find(name);
  if (!resolution) return { served: false, refused: registry.refusal(name) ?? 'is not there' };
  return { served: true, ready: isReady(resolution), ...ways(resolution) };
}

function ways({ capabilities, routes, fallbacks }: Resolution): object {
  return { capabilities, routes: routes.map(routeObject), fallbacks: fallbacks.map(routeObject) };
}

function routeObject({ weight, price, entry, targets }: Route): object {
  return {
    ...{ weight, ...(price && { price: price satisfies ModelPrice }), ...(entry && { of: entry.name }) },
    targets: targets.map(({ endpoint, model }) => `${endpoint.facts.id} ${model}`),
  };
}
