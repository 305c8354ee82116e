import { existsSync } from 'node:fs';
import { router } from '@flotilla/contracts';
import { FlotillaError, type ModelConfig } from '@flotilla/kernel';
import type { Registry } from './registry.ts';
import { hasReady, type Resolution } from './resolution.ts';
import { capabilitiesOn, offered, servesNow } from './serving.ts';

export interface ListOptions {
  /** Also models whose weights or provider are not there. */
  readonly includeNonInstalled?: boolean;
  /** Also models that are made for tests, which the profile may not let be asked for. */
  readonly includeTestModels?: boolean;
}

/**
 * Configured models and their adapters, and discovered ones, by name, each once. `startedAt` (milliseconds since 1970) dates
 * the configured ones.
 */
export function listModels(registry: Registry, startedAt: number, options: ListOptions = {}): router.Model[] {
  const { includeNonInstalled = false, includeTestModels = false } = options;
  const models = new Map<string, router.Model>();
  for (const entry of registry.file.models) {
    for (const name of [entry.name, ...entry.adapters.map((adapter) => adapter.name)]) {
      const resolution = registry.find(name, { testing: includeTestModels });
      if (resolution) models.set(name, configured(registry, entry, resolution, startedAt));
    }
  }
  for (const endpoint of registry.endpoints()) {
    for (const name of offered(endpoint)) {
      const resolution = models.has(name) ? undefined : registry.find(name);
      if (!resolution) continue;
      const createdAt = endpoint.facts.since || startedAt;
      models.set(
        name,
        router.Model.fromPartial({
          ...seen(resolution),
          ...{ source: 'engine', installed: true, ownedBy: endpoint.facts.provider, createdAt },
        }),
      );
    }
  }
  return [...models.values()]
    .filter(({ installed }) => installed || includeNonInstalled || registry.showsNonInstalled)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every name by which one of the list may be asked for. */
export function shownNames(registry: Registry): string[] {
  return listModels(registry, 0).flatMap(({ name, aliases }) => [name, ...aliases]);
}

/** The model that embeds when none is asked for: a configured one, else one that an engine serves. Throws `model_not_found`. */
export function defaultEmbeddingModel(registry: Registry): string {
  const embeds = (entry: ModelConfig) => entry.capabilities.includes('embeddings') && registry.find(entry.name);
  const configuredOne = registry.file.models.find(embeds);
  if (configuredOne) return configuredOne.name;
  const served: string[] = [];
  for (const endpoint of registry.endpoints()) {
    for (const name of offered(endpoint)) {
      if (capabilitiesOn(endpoint, name).includes('embeddings') && registry.find(name)) served.push(name);
    }
  }
  const first = served.sort().find((name) => isReady(registry.resolve(name))) ?? served[0];
  if (first !== undefined) return first;
  throw new FlotillaError('model_not_found', 'No model with the capability "embeddings" is configured or served.');
}

export function isReady({ routes, fallbacks }: Resolution): boolean {
  return hasReady([...routes, ...fallbacks]);
}

function configured(registry: Registry, entry: ModelConfig, resolution: Resolution, startedAt: number): router.Model {
  const { snapshot } = registry;
  const adapter = resolution.adapter ? entry.adapters.find(({ name }) => name === resolution.name) : undefined;
  const providers = [...new Set(entry.targets.map(({ provider }) => provider))];
  const price = entry.price ?? entry.targets.find((target) => target.price)?.price;
  return router.Model.fromPartial({
    ...seen(resolution),
    ...{ source: snapshot.overridden.model.has(entry.name) ? 'override' : 'file', installed: true, providers },
    ...{ ownedBy: providers[0]!, createdAt: startedAt, contextWindow: entry.context_window ?? 0 },
    ...{ inputPrice: price?.input ?? 0, outputPrice: price?.output ?? 0, testing: entry.testing },
    ...(adapter
      ? { description: adapter.description ?? '', installed: hasTargets(resolution) }
      : {
          description: entry.description ?? '',
          installed: isInstalled(registry, entry, resolution),
          aliases: aliasesOf(registry, entry),
          adapters: entry.adapters.map(({ name }) => name),
          roles: snapshot.profile.rolesOf(entry),
        }),
  });
}

/** What the engines make of it. */
function seen(resolution: Resolution): Partial<router.Model> {
  const targets = resolution.routes.flatMap((route) => route.targets);
  return {
    name: resolution.name,
    capabilities: [...resolution.capabilities],
    ready: isReady(resolution),
    active: targets.some(({ endpoint, model }) => endpoint.facts.ready && servesNow(endpoint, model)),
    servedIds: [...new Set(targets.map(({ model }) => model))],
    providers: [...new Set(targets.map(({ endpoint }) => endpoint.facts.provider))],
  };
}

/** Its weights are where they should be, and there is an engine to ask for it, or one that may come. */
function isInstalled(registry: Registry, entry: ModelConfig, resolution: Resolution): boolean {
  if (entry.installed !== undefined && !existsSync(entry.installed)) return false;
  if (hasTargets(resolution)) return true;
  const present = new Set(registry.endpoints().map(({ facts }) => facts.provider));
  const mayCome = registry.file.providers.filter(({ name }) => !present.has(name));
  return entry.targets.some(({ provider }) => mayCome.some(({ name }) => name === provider));
}

function hasTargets({ routes, fallbacks }: Resolution): boolean {
  return [...routes, ...fallbacks].some(({ targets }) => targets.length > 0);
}

function aliasesOf(registry: Registry, { name, aliases }: ModelConfig): string[] {
  const { loopbackAlias } = registry.snapshot;
  if (loopbackAlias === undefined) return aliases;
  return registry.find(loopbackAlias)?.name === name ? [...new Set([...aliases, loopbackAlias])] : aliases;
}
