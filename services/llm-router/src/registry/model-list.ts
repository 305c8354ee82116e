import { FlotillaError } from '@flotilla/kernel';
import { router } from '@flotilla/contracts';
import { capabilitiesOn, type Registry, type Resolution } from './registry.ts';

/** Configured and discovered models, by name, each once. `startedAt` (milliseconds since 1970) dates the configured ones. */
export function listModels(registry: Registry, startedAt: number): router.Model[] {
  const models = new Map<string, router.Model>();
  for (const model of registry.file.models) {
    models.set(
      model.name,
      router.Model.fromPartial({
        name: model.name,
        capabilities: model.capabilities,
        ready: isReady(registry.resolve(model.name)),
        ownedBy: model.targets[0]!.provider,
        createdAt: startedAt,
        contextWindow: model.context_window ?? 0,
      }),
    );
  }
  for (const endpoint of registry.endpoints()) {
    for (const { name } of endpoint.facts.models) {
      if (models.has(name)) continue;
      const resolution = registry.resolve(name);
      models.set(
        name,
        router.Model.fromPartial({
          name,
          capabilities: [...resolution.capabilities],
          ready: isReady(resolution),
          ownedBy: endpoint.facts.provider,
          createdAt: endpoint.facts.since || startedAt,
        }),
      );
    }
  }
  return [...models.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The model that embeds when none is asked for: a configured one, else one that an engine serves. Throws `model_not_found`. */
export function defaultEmbeddingModel(registry: Registry): string {
  const configured = registry.file.models.find((model) => model.capabilities.includes('embeddings'));
  if (configured) return configured.name;
  const served: string[] = [];
  for (const endpoint of registry.endpoints()) {
    for (const { name } of endpoint.facts.models) {
      if (capabilitiesOn(endpoint, name).includes('embeddings')) served.push(name);
    }
  }
  const first = served.sort().find((name) => isReady(registry.resolve(name))) ?? served[0];
  if (first !== undefined) return first;
  throw new FlotillaError('model_not_found', 'No model with the capability "embeddings" is configured or served.');
}

function isReady(resolution: Resolution): boolean {
  const answers = (routes: Resolution['routes']) =>
    routes.some((route) => route.targets.some((target) => target.endpoint.facts.ready));
  return answers(resolution.routes) || answers(resolution.fallbacks);
}
