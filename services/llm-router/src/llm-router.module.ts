import { Module, type DynamicModule } from '@nestjs/common';
import { fleet } from '@flotilla/contracts';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { Activation } from './activation/activation.ts';
import { AnswerCache } from './cache/answer-cache.ts';
import { openCache } from './cache/open-cache.ts';
import type { RouterConfig } from './config.ts';
import { DemandReport } from './demand/demand-report.ts';
import { openExperiments } from './experiments/open-experiments.ts';
import { EndpointDirectory } from './endpoints/endpoint-directory.ts';
import { Engines } from './generation/engines.ts';
import { endpointFacts } from './endpoints/fleet-facts.ts';
import { FleetWatch } from './endpoints/fleet-watch.ts';
import { RouterRpc } from './llm-router.rpc.ts';
import { LlmRouter } from './llm-router.ts';
import { noticeLayer } from './payload/notice-layer.ts';
import { openPayload } from './payload/open-payload.ts';
import { thinkLayer } from './payload/think-layer.ts';
import { EndpointPicker } from './picking/endpoint-picker.ts';
import { PickExchange } from './picking/pick-exchange.ts';
import type { RouterPorts } from './ports.ts';
import { Catalogue } from './providers/catalogue.ts';
import { DatabaseOverrideStore } from './registry/override-store.database.ts';
import { Overrides } from './registry/overrides.ts';
import { RegistryAdmin } from './registry/registry-admin.ts';
import { Registry } from './registry/registry.ts';
import { RegistryRpc } from './registry.rpc.ts';
import { RouterDatabase } from './router-database.ts';
import { TaskRouter } from './tasks/task-router.ts';
import { Transcripts } from './transcripts/transcripts.ts';

@Module({})
export class LlmRouterModule {
  static with(config: RouterConfig, ports: RouterPorts): DynamicModule {
    const { clock = systemClock, random = systemRandom } = ports;
    return {
      module: LlmRouterModule,
      controllers: [RouterRpc, RegistryRpc],
      providers: [
        { provide: RouterDatabase, useFactory: () => ports.database && new RouterDatabase(ports.database, clock) },
        { provide: EndpointDirectory, useFactory: () => new EndpointDirectory(config.zone) },
        {
          provide: DemandReport,
          useFactory: () => new DemandReport(ports.bus, clock, random, random.id('router_')),
        },
        {
          provide: EndpointPicker,
          useFactory: ({ demand: watch }: DemandReport) =>
            new EndpointPicker({ clock, random, config, watch, settings: () => ports.file.current.picking }),
          inject: [DemandReport],
        },
        {
          provide: PickExchange,
          useFactory: (picker: EndpointPicker) => new PickExchange(ports.bus, clock, picker, random.id('router_')),
          inject: [EndpointPicker],
        },
        {
          provide: Engines,
          useFactory: (picker: EndpointPicker) => new Engines(config, clock, random, picker),
          inject: [EndpointPicker],
        },
        {
          provide: Registry,
          useFactory: (directory: EndpointDirectory, engines: Engines) =>
            new Registry(ports.file, directory, ports.env, config, (endpoints) => {
              engines.client.keep(endpoints);
              engines.picker.keep(endpoints);
            }),
          inject: [EndpointDirectory, Engines],
        },
        {
          provide: Overrides,
          useFactory: (registry: Registry, database: RouterDatabase | undefined) => {
            const { registryRefreshMs: refreshMs, registryTimeoutMs: timeoutMs } = config;
            const store = database && new DatabaseOverrideStore({ database, clock, timeoutMs });
            return new Overrides({ registry, store, bus: ports.bus, clock, refreshMs });
          },
          inject: [Registry, RouterDatabase],
        },
        {
          provide: Catalogue,
          useFactory: (registry: Registry, { client, watchdog }: Engines) =>
            new Catalogue({ targetOf: (name) => registry.provider(name), client, watchdog, clock, settings: config }),
          inject: [Registry, Engines],
        },
        {
          provide: RegistryAdmin,
          useFactory: (
            registry: Registry,
            overrides: Overrides,
            catalogue: Catalogue,
            cache: AnswerCache | undefined,
          ) =>
            new RegistryAdmin({
              ...{ registry, overrides },
              offers: (provider, options) => catalogue.offers(provider, options),
              purge: async (which) => (await cache?.purge(which)) ?? 0,
            }),
          inject: [Registry, Overrides, Catalogue, AnswerCache],
        },
        {
          provide: FleetWatch,
          useFactory: (directory: EndpointDirectory) => {
            const client = ports.rpc.client(fleet.FleetDefinition);
            return new FleetWatch(
              async (options) => (await client.listEngines({}, options)).engines,
              (engines, scope) => {
                const facts = engines.map(endpointFacts);
                if (scope === undefined) directory.update(facts);
                else directory.updateScope(scope, facts);
              },
              clock,
              config.fleetRefreshMs,
            );
          },
          inject: [EndpointDirectory],
        },
        {
          provide: AnswerCache,
          useFactory: (registry: Registry, engines: Engines, database: RouterDatabase | undefined) =>
            database && openCache({ config, database, bus: ports.bus, clock, registry, engines }),
          inject: [Registry, Engines, RouterDatabase],
        },
        {
          provide: Transcripts,
          useFactory: (registry: Registry) =>
            config.transcriptsFile && new Transcripts(config.transcriptsFile, config, clock, () => registry.file),
          inject: [Registry],
        },
        {
          provide: Activation,
          useFactory: (registry: Registry, directory: EndpointDirectory, { demand }: DemandReport) => {
            const client = ports.rpc.client(fleet.ActivationDefinition);
            return new Activation({
              ...{ registry, directory, clock, settings: config },
              onHeld: (target, change) => demand.held(target, change),
              activate: (request, options) => client.activate(request, options),
            });
          },
          inject: [Registry, EndpointDirectory, DemandReport],
        },
        {
          provide: LlmRouter,
          useFactory: (
            registry: Registry,
            engines: Engines,
            activation: Activation,
            cache: AnswerCache | undefined,
            transcripts: Transcripts | undefined,
          ) => {
            const experiments = openExperiments({ registry, engines, clock, random });
            return new LlmRouter({
              ...{ registry, engines, clock, activation, tasks: new TaskRouter(registry) },
              ...(transcripts && { onRefused: (asked, error) => transcripts.layer.refused(asked, error) }),
              steps: [experiments.step, openPayload(config, clock, () => registry.file)],
              layers: [
                ...(transcripts ? [transcripts.layer] : []),
                noticeLayer,
                ...(cache ? [cache] : []),
                experiments.mirror,
                thinkLayer(config.suppressDecorations),
                activation,
              ],
            });
          },
          inject: [Registry, Engines, Activation, AnswerCache, Transcripts],
        },
      ],
    };
  }
}
