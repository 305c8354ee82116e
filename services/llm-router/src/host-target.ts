import type { Host } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { routerConfigSchema } from './config.ts';
import { createRouter } from './router-service.ts';

/** The router as a target of a host. */
export const routerTarget = {
  name: 'llm-router',
  create({ rpc, bus, file, env, clock, random, database }: Host) {
    const config = readEnvironment(routerConfigSchema, 'FLOTILLA_ROUTER', env);
    return createRouter(config, { rpc, bus, file, env, clock, random, database });
  },
} as const;
