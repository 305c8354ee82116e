import type { Host } from '@flotilla/host';
import { readEnvironment, readVariable, type Environment } from '@flotilla/kernel';
import { rateLimiterConfigSchema, type RateLimiterConfig } from './config.ts';
import { createRateLimiter } from './rate-limiter.ts';

/** The rate limiter as a target of a host. */
export const rateLimiterTarget = {
  name: 'rate-limiter',
  create: ({ rpc, bus, clock, random, env, database }: Host) =>
    createRateLimiter(readRateLimiterConfig(env), { rpc, bus, clock, random, database }),
} as const;

/** FLOTILLA_RATE_LIMITER_*, and FLOTILLA_REDIS_URL as the platform's one Redis. */
export function readRateLimiterConfig(env: Environment): RateLimiterConfig {
  const config = readEnvironment(rateLimiterConfigSchema, 'FLOTILLA_RATE_LIMITER', env);
  return { ...config, redisUrl: config.redisUrl ?? readVariable('FLOTILLA_REDIS_URL', env) };
}
