import type { Host } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { routerConfigSchema } from './config.ts';
import { createRouter } from './router-service.ts';

/** The router as a target of a host. */
export const routerTarget = {
  name: 'llm-router',
  create: (host: Host) => createRouter(readEnvironment(routerConfigSchema, 'FLOTILLA_ROUTER', host.env), host),
} as const;
