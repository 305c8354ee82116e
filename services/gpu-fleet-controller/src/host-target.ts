import type { Target } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { fleetConfigSchema } from './config.ts';
import { createFleet } from './index.ts';

/** How a process or the standalone platform makes this service. */
export const fleetTarget = {
  name: 'gpu-fleet-controller',
  create: ({ rpc, bus, file, env, clock, random }) =>
    createFleet(readEnvironment(fleetConfigSchema, 'FLOTILLA_FLEET', env), { rpc, bus, file, env, clock, random }),
} as const satisfies Target;
