import { z } from 'zod';
import { envFlag } from '@flotilla/kernel';
import { milliseconds } from '../setting-fields.ts';

/** Of `FLOTILLA_ROUTER_*`: what the registry makes of its layers. */
export const registrySettings = {
  profile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The deployment profile in force, one of `profiles` in the platform file. Over the file’s own `profile`; one that is set at run time is over both.',
    ),
  loopbackAlias: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A name that always means the model in use: the one that plays the role `chat`, else the first chat model that is ready.',
    ),
  includeNonInstalled: envFlag
    .default(false)
    .describe('List models whose weights or provider are not there, also where a client does not ask for them.'),
  includeTestModels: envFlag
    .default(false)
    .describe('Serve and list models that are made for tests, whatever the profile says.'),
  registryRefreshMs: milliseconds(
    10_000,
    'How often what was set at run time is read again, beside the events that announce it.',
  ),
  registryTimeoutMs: milliseconds(5_000, 'How long one read or write of what is set at run time may take.'),
};
