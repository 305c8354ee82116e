import { fleet, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Handlers } from '@flotilla/rpc';

export interface MemoryRegistry {
  readonly overrides: Map<string, router.Override>;
  readonly purges: router.PurgeCacheRequest[];
  readonly listed: router.ListProvidersRequest[];
}

/** A registry that keeps what it is told in a map. */
export function memoryRegistry(): MemoryRegistry & { handlers: Handlers<typeof router.RegistryDefinition> } {
  const overrides = new Map<string, router.Override>();
  const purges: router.PurgeCacheRequest[] = [];
  const listed: router.ListProvidersRequest[] = [];
  return {
    ...{ overrides, purges, listed },
    handlers: {
      async listProviders(request) {
        listed.push(request);
        const provider = router.Provider.fromPartial({
          ...{ name: 'openrouter', kind: 'openrouter', baseUrl: 'https://o', isDefault: true, ready: true },
          ...{ hasKey: true, source: 'file' },
          models: request.provider ? [{ id: 'a/b', contextWindow: 8_192, inputPrice: 0.1, outputPrice: 0.2 }] : [],
        });
        const providers = ['', 'openrouter'].includes(request.provider) ? [provider] : [];
        return { providers };
      },
      describeRegistry: async () => ({ json: '{"models":[{"name":"m"}],"problem":null}' }),
      listOverrides: async () => ({ overrides: [...overrides.values()] }),
      async setOverride({ caller, kind, name, definitionJson }) {
        if (definitionJson === '"nowhere"')
          throw new FlotillaError('invalid_request', 'There is no provider "nowhere".');
        const override = { kind, name, definitionJson, updatedAt: 1_700_000_000_000, updatedBy: caller?.keyId ?? '' };
        overrides.set(`${kind} ${name}`, override);
        return override;
      },
      deleteOverride: async ({ kind, name }) => ({ existed: overrides.delete(`${kind} ${name}`) }),
      async purgeCache(request) {
        purges.push(request);
        return { deleted: 3 };
      },
    },
  };
}

export const memoryActivation: Handlers<typeof fleet.ActivationDefinition> = {
  activate: () => Promise.reject(new FlotillaError('err_model_start_timeout')),
  getAutostart: async () => ({
    enabled: true,
    services: [
      fleet.AutostartService.fromPartial({
        ...{ name: 'vllm:qlora', provider: 'local', models: ['qlora'], state: fleet.EngineState.READY },
        ...{ pid: 42, port: 24_001, activeModel: 'qlora', since: 1_700_000_000_000 },
      }),
    ],
  }),
};
