import type { Service } from '@flotilla/kernel';
import { nestService } from '@flotilla/rpc';
import type { FleetConfig } from './config.ts';
import { FleetModule, type FleetServicePorts } from './fleet.module.ts';
import { Fleet } from './fleet.ts';

export { fleetConfigSchema, fleetDefaults, type FleetConfig } from './config.ts';
export { discoverProviders, type DiscoveryOptions } from './discovery.ts';
export type { FleetServicePorts } from './fleet.module.ts';
export { fleetTarget } from './host-target.ts';
export { models, type Model, type ModelStatus } from './models/model.ts';
export { modelSpecSchema, type ModelSpec } from './models/model-spec.ts';
export type { Replica as ScaledReplica, World as ScaledWorld } from './models/world.ts';
export { createScaler, type ScalerOptions } from './scaling/autoscaler.ts';

/** The lives of this machine's engines, served as flotilla.fleet.v1.Fleet and told as fleet.engines.changed. */
export function createFleet(config: FleetConfig, ports: FleetServicePorts): Service {
  return nestService({
    name: 'gpu-fleet-controller',
    module: FleetModule.with(config, ports),
    rpc: ports.rpc,
    onStart: (app) => app.get(Fleet).start(),
    onStop: (app) => app.get(Fleet).stop(),
  });
}
