import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createFakeClock, describeWith, startRedis, type TestServer } from '@flotilla/testkit';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { Decision } from './limit-store.ts';
import { limitScript } from './redis-script.ts';
import { MemoryLimitStore } from './store.memory.ts';

// The script with a clock that the test moves, and buckets that do not expire by the real one.
const movable = limitScript
  .replace("redis.call('TIME')", "cjson.decode(redis.call('GET', 'now'))")
  .replace('math.max(1, full)', '600000');
const TTL_MS = 900_000;
const limits = { requestsPerMinute: 7, tokensPerMinute: 999, defaultMaxTokens: 150 };

type Step =
  | { kind: 'pass'; ms: number }
  | { kind: 'reserve'; request: number; prompt: number; output: number }
  | { kind: 'settle'; request: number; tokens: number; ageMs: number };

const request = fc.integer({ min: 0, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 15_000 }) }),
  fc.record({
    kind: fc.constant('reserve' as const),
    request,
    prompt: fc.integer({ min: 0, max: 300 }),
    output: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 900 })),
  }),
  fc.record({
    kind: fc.constant('settle' as const),
    request,
    tokens: fc.integer({ min: 0, max: 1_500 }),
    ageMs: fc.integer({ min: 0, max: 90_000 }),
  }),
);

describeWith(['redis-server'], 'the Redis script', () => {
  let server: TestServer;
  let redis: Redis & { limit(...args: (string | number)[]): Promise<unknown> };
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url, { scripts: { limit: { lua: movable, numberOfKeys: 2 } } }) as typeof redis;
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('decides to the token and the millisecond as the memory store does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        await redis.flushall();
        const clock = createFakeClock();
        const memory = new MemoryLimitStore({ clock, reservationTtlMs: TTL_MS, maxReservations: 1_000 });
        for (const each of steps) {
          if (each.kind === 'pass') {
            clock.advance(each.ms);
            continue;
          }
          const now = clock.now();
          await redis.set('now', JSON.stringify([Math.floor(now / 1_000), (now % 1_000) * 1_000]));
          const common = { keyId: 'k', requestId: `r${each.request}`, limits };
          const keys = ['{k}:bucket', `{k}:r:${each.request}`];
          if (each.kind === 'settle') {
            const { tokens, ageMs } = each;
            const settled = await redis.limit(...keys, 'settle', 7, 999, TTL_MS, tokens, ageMs);
            expect(settled === 1).toBe(await memory.settle({ ...common, tokens, ageMs }));
          } else {
            const { prompt, output } = each;
            const decided = await redis.limit(...keys, 'reserve', 7, 999, TTL_MS, prompt, output, 150);
            expect(decided).toEqual(
              asReply(await memory.reserve({ ...common, promptTokens: prompt, outputTokens: output })),
            );
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('lets nothing stay in Redis that does not expire', async () => {
    await redis.flushall();
    await redis.set('now', '[1700000000, 0]');
    await redis.limit('{k}:bucket', '{k}:r:1', 'reserve', 7, 999, TTL_MS, 10, 10, 150);
    await redis.limit('{k}:bucket', '{k}:r:2', 'settle', 7, 999, TTL_MS, 10, 0);
    for (const key of ['{k}:bucket', '{k}:r:1', '{k}:r:2']) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });
});

function asReply(decision: Decision): number[] {
  const dimension = decision.refusedBy === undefined ? 0 : decision.refusedBy === 'requests_per_minute' ? 1 : 2;
  return [
    ...[decision.allowed ? 1 : 0, decision.grantedOutputTokens, dimension, decision.retryAfterMs],
    ...[decision.requests.remaining, decision.requests.resetMs, decision.tokens.remaining, decision.tokens.resetMs],
  ];
}
