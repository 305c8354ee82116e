import { Module, type DynamicModule } from '@nestjs/common';
import { fleet } from '@flotilla/contracts';
import { systemClock, systemRandom } from '@flotilla/kernel';
import type { RouterConfig } from './config.ts';
import { EndpointDirectory } from './endpoints/endpoint-directory.ts';
import { Engines } from './generation/engines.ts';
import { endpointFacts } from './endpoints/fleet-facts.ts';
import { FleetWatch } from './endpoints/fleet-watch.ts';
import { RouterRpc } from './llm-router.rpc.ts';
import { LlmRouter } from './llm-router.ts';
import { EndpointPicker } from './picking/endpoint-picker.ts';
import type { RouterPorts } from './ports.ts';
import { RouterDatabase } from './router-database.ts';
import { Registry } from './registry/registry.ts';

@Module({})
export class LlmRouterModule {
  static with(config: RouterConfig, ports: RouterPorts): DynamicModule {
    const { clock = systemClock, random = systemRandom } = ports;
    return {
      module: LlmRouterModule,
      controllers: [RouterRpc],
      providers: [
        { provide: RouterDatabase, useFactory: () => ports.database && new RouterDatabase(ports.database, clock) },
        { provide: EndpointDirectory, useFactory: () => new EndpointDirectory(config.zone) },
        { provide: EndpointPicker, useFactory: () => new EndpointPicker(clock, random, config) },
        {
          provide: Engines,
          useFactory: (picker: EndpointPicker) => new Engines(config, clock, picker),
          inject: [EndpointPicker],
        },
        {
          provide: Registry,
          useFactory: (directory: EndpointDirectory, engines: Engines) =>
            new Registry(ports.file, directory, ports.env, config, (endpoints) => engines.client.keep(endpoints)),
          inject: [EndpointDirectory, Engines],
        },
        {
          provide: FleetWatch,
          useFactory: (directory: EndpointDirectory) => {
            const client = ports.rpc.client(fleet.FleetDefinition);
            return new FleetWatch(
              async (options) => (await client.listEngines({}, options)).engines,
              (engines) => directory.update(engines.map(endpointFacts)),
              clock,
              config.fleetRefreshMs,
            );
          },
          inject: [EndpointDirectory],
        },
        {
          provide: LlmRouter,
          useFactory: (registry: Registry, engines: Engines) =>
            new LlmRouter({ registry, engines, clock, steps: [], layers: [] }),
          inject: [Registry, Engines],
        },
      ],
    };
  }
}
