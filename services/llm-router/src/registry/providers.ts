import { router } from '@flotilla/contracts';
import { providerUrl } from '@flotilla/kernel';
import { withoutCredentials } from './describe.ts';
import type { Registry } from './registry.ts';

/** The providers of the configuration, then those whose engines were found on the machine; by name. Without their offers. */
export function listProviders(registry: Registry): router.Provider[] {
  const { file, overridden } = registry.snapshot;
  const endpoints = registry.endpoints();
  const ready = (name: string) => endpoints.some(({ facts }) => facts.provider === name && facts.ready);
  const configured = file.providers.map((provider) => ({
    ...{ name: provider.name, kind: provider.kind, baseUrl: providerUrl(provider) },
    source: overridden.provider.has(provider.name) ? 'override' : 'file',
  }));
  const known = new Set(configured.map(({ name }) => name));
  const found = endpoints
    .filter(({ facts }, at) => endpoints.findIndex((one) => one.facts.provider === facts.provider) === at)
    .filter(({ facts }) => !known.has(facts.provider))
    .map(({ facts }) => ({ name: facts.provider, kind: facts.kind, baseUrl: facts.baseUrl, source: 'discovered' }));
  return [...configured, ...found].map((provider) =>
    router.Provider.fromPartial({
      ...provider,
      baseUrl: withoutCredentials(provider.baseUrl),
      isDefault: provider.name === file.default_provider,
      ready: ready(provider.name),
      hasKey: registry.hasKey(provider.name),
    }),
  );
}
