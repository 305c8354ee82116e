import { z } from 'zod';
import { ledgerConfigFields } from './ledger/ledger.config.ts';

/** Environment of the rate limiter, prefix FLOTILLA_RATE_LIMITER. */
export const rateLimiterConfigSchema = z.object({
  redisUrl: z
    .string()
    .optional()
    .describe(
      'Redis that holds the counters, e.g. redis://127.0.0.1:6379/0; FLOTILLA_REDIS_URL when it is the platform’s one. A secret when it holds a password. Neither: the memory of this process, which counts alone: with several replicas each would admit the whole limit.',
    ),
  redisCommandTimeoutMs: z.coerce
    .number()
    .int()
    .min(1)
    .default(20)
    .describe(
      'Milliseconds one decision may take in Redis. Past it the decision is `unavailable` and the gateway fails open: a large value turns a slow Redis into slow chats.',
    ),
  reservationTtlMs: z.coerce
    .number()
    .int()
    .min(60_000)
    .default(900_000)
    .describe(
      'Milliseconds a reservation, and then the mark that it was settled, are remembered, and that a lease nobody returned waits for its last requests. Longer than the longest generation, or its unused tokens are not returned.',
    ),
  maxReservations: z.coerce
    .number()
    .int()
    .min(1)
    .default(1_000_000)
    .describe(
      'Reservations the memory store remembers (about 300 bytes each). Above it the oldest are forgotten and stay charged as reserved.',
    ),
  ...ledgerConfigFields,
});

export type RateLimiterConfig = z.infer<typeof rateLimiterConfigSchema>;

export const rateLimiterDefaults: RateLimiterConfig = rateLimiterConfigSchema.parse({});
