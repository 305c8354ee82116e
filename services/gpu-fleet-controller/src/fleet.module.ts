import type { DynamicModule } from '@nestjs/common';
import type { Bus } from '@flotilla/bus';
import {
  systemClock,
  systemRandom,
  type Clock,
  type Environment,
  type Live,
  type PlatformFile,
  type Random,
} from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import type { ClusterEnginesPorts } from './cluster-engines.ts';
import type { FleetConfig } from './config.ts';
import { createOllamaControl } from './activation/ollama-control.http.ts';
import { ActivationRpc } from './activation.rpc.ts';
import { publishEngines } from './fleet.events.ts';
import { FleetRpc } from './fleet.rpc.ts';
import { Fleet } from './fleet.ts';
import type { ClusterEngines } from './kubernetes-fleet.ts';
import { createHttpProbe } from './probe.http.ts';
import { createProcessHost } from './process-host.node.ts';

export interface FleetServicePorts {
  rpc: RpcNetwork;
  bus: Bus;
  file: Live<PlatformFile>;
  /** Holds the API keys; engine processes inherit it without FLOTILLA_*. */
  env: Environment;
  clock?: Clock;
  random?: Random;
}

export class FleetModule {
  static with(config: FleetConfig, ports: FleetServicePorts): DynamicModule {
    const { bus, file, env, clock = systemClock, random = systemRandom } = ports;
    const useFactory = async () =>
      new Fleet(config, {
        ...{ clock, env, file },
        http: createHttpProbe(),
        ollama: createOllamaControl(),
        processes: createProcessHost(env, clock),
        publish: (engines) => publishEngines(bus, engines),
        ...(config.kubernetes && { cluster: await clusterEngines(config, { bus, clock, random }) }),
      });
    return { module: FleetModule, controllers: [FleetRpc, ActivationRpc], providers: [{ provide: Fleet, useFactory }] };
  }
}

/** Loaded only where there is a cluster: a laptop needs none of it. */
async function clusterEngines(config: FleetConfig, ports: ClusterEnginesPorts): Promise<ClusterEngines> {
  const { createClusterEngines } = await import('./cluster-engines.ts');
  return createClusterEngines(config, ports);
}
