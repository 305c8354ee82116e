import type { Target } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { orchestratorConfigSchema } from './config.ts';
import { createOrchestrator } from './index.ts';

/** How a process or the standalone platform makes this service. */
export const orchestratorTarget = {
  name: 'orchestrator',
  async create({ rpc, bus, file, clock, random, env, database }) {
    const config = readEnvironment(orchestratorConfigSchema, 'FLOTILLA_ORCHESTRATOR', env);
    return createOrchestrator(config, { rpc, bus, file, clock, random, database: await database() });
  },
} as const satisfies Target;
