import type { Host } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { rateLimiterConfigSchema } from './config.ts';
import { createRateLimiter } from './rate-limiter.ts';

/** The rate limiter as a target of a host. */
export const rateLimiterTarget = {
  name: 'rate-limiter',
  create: (host: Host) =>
    createRateLimiter(readEnvironment(rateLimiterConfigSchema, 'FLOTILLA_RATE_LIMITER', host.env), host),
} as const;
