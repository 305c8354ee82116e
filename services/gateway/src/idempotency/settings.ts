import { z } from 'zod';

const whole = z.coerce.number().int().positive();

/** The part of the gateway's environment that repeated and shared requests read. */
export const idempotencySettings = {
  idempotencyTtlMs: whole
    .default(86_400_000)
    .describe('Milliseconds the answer to a request with an Idempotency-Key is kept.'),
  idempotencyWaitMs: whole
    .default(30_000)
    .describe('Milliseconds a repeated request waits for the first one on another gateway; then it gets 409.'),
  idempotencyStoreTimeoutMs: whole
    .default(1_000)
    .describe('Milliseconds the database may take for an Idempotency-Key. After that this gateway alone honours it.'),
  idempotencyLingerMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(5_000)
    .describe(
      'Milliseconds a request with an Idempotency-Key goes on after its client left, for the repeat to find it.',
    ),
  sharedAnswerBytes: whole
    .default(1024 * 1024)
    .describe('Bytes of an answer at most that can be replayed, or joined while it runs.'),
  sharedRunBytes: whole
    .default(64 * 1024 * 1024)
    .describe('Bytes of answers under way that are held for others to join. Beyond it they are given, and not kept.'),
  replayCacheBytes: whole
    .default(16 * 1024 * 1024)
    .describe('Bytes of answers with an Idempotency-Key that are held in memory beside the database.'),
};
