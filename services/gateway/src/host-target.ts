import type { Host } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { gatewayConfigSchema } from './config.ts';
import { createGateway } from './gateway.ts';

/** The gateway as a target of a host. */
export const gatewayTarget = {
  name: 'gateway',
  async create(host: Host) {
    const config = readEnvironment(gatewayConfigSchema, 'FLOTILLA_GATEWAY', host.env);
    const { rpc, bus, file, env, clock, random } = host;
    const database = await host.database();
    return createGateway(config, {
      rpc,
      bus,
      database,
      file,
      env,
      clock,
      random,
      metrics: () => host.metrics(),
      ready: () => host.ready(),
    });
  },
} as const;
