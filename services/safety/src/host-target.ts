import type { Target } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { safetyConfigSchema } from './config.ts';
import { createSafety } from './index.ts';

/** How a process or the standalone platform makes this service. */
export const safetyTarget = {
  name: 'safety',
  create: ({ rpc, file, clock, env }) =>
    createSafety(readEnvironment(safetyConfigSchema, 'FLOTILLA_SAFETY', env), { rpc, file, clock }),
} as const satisfies Target;
