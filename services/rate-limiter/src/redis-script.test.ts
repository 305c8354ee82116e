import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { createFakeClock, describeWith, startRedis, type TestServer } from '@flotilla/testkit';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { LimitStore, Subject } from './limit-store.ts';
import { leaseOrder, reservation, settlement, subject } from './limits.fixture.ts';
import { clockwork } from './redis-clockwork.fixture.ts';
import { limitScript } from './redis-script.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';

const TTL_MS = 100_000;

type Step =
  | { kind: 'pass'; ms: number }
  | {
      kind: 'reserve';
      request: number;
      plan: number;
      prompt: number;
      output: number;
      price: number;
      tokensOnly: boolean;
    }
  | { kind: 'settle'; request: number; tokens: number; cost: number; ageMs: number; lease: number }
  | { kind: 'lease'; lease: number; plan: number; requests: number; tokens: number }
  | { kind: 'return'; lease: number; requests: number; tokens: number };

const plans: Subject[][] = [
  [subject('key:a', { requests_per_minute: 7, tokens_per_minute: 999 })],
  [
    subject('key:a', { requests_per_minute: 9, tokens_per_minute: 700, tokens_per_week: 2_000 }),
    subject('org:org', { requests_per_minute: 60, tokens_per_month: 5_000, budget_micros_per_month: 3_000 }),
  ],
  [
    subject('key:b', { requests_per_day: 12, concurrent_requests: 2 }),
    subject('user:u', { tokens_per_minute: 3_000, requests_per_minute: 100 }),
    subject('org:org', { requests_per_minute: 30, requests_per_day: 25, tokens_per_month: 9_000 }),
  ],
  [subject('user:u', { requests_per_minute: 200, tokens_per_minute: 9_000, tokens_per_week: 60_000 })],
];
const whole = (max: number) => fc.integer({ min: 0, max });
const [request, plan] = [whole(12), whole(plans.length - 1)];
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('pass' as const),
    ms: fc.oneof(whole(15_000), whole(15_000), whole(15_000), whole(4 * 86_400_000)),
  }),
  fc.record({
    ...{ kind: fc.constant('reserve' as const), request, plan, prompt: whole(300) },
    output: fc.oneof(fc.constant(0), whole(900)),
    price: fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 4, noNaN: true })),
    tokensOnly: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  }),
  fc.record({
    ...{ kind: fc.constant('settle' as const), request, tokens: whole(1_500), cost: whole(900), lease: whole(6) },
    ageMs: fc.oneof(whole(90_000), whole(3 * 86_400_000)),
  }),
  fc.record({ kind: fc.constant('lease' as const), lease: whole(3), plan, requests: whole(40), tokens: whole(2_000) }),
  fc.record({ kind: fc.constant('return' as const), lease: whole(3), requests: whole(30), tokens: whole(1_000) }),
);

const seeds = [
  { dayRequests: 1, weekTokens: 20, monthTokens: 300, monthCostMicros: 40 },
  { dayRequests: 2, weekTokens: 0, monthTokens: 700, monthCostMicros: 5 },
  { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 },
];

async function apply(store: LimitStore, each: Exclude<Step, { kind: 'pass' }>): Promise<unknown> {
  switch (each.kind) {
    case 'reserve': {
      const { prompt, output, price, tokensOnly } = each;
      const order = reservation(`r${each.request}`, plans[each.plan]!, {
        ...{ promptTokens: prompt, outputTokens: output, defaultOutputTokens: 150, tokensOnly, holdMs: 20_000 },
        price: { input: price, output: price * 2 },
      });
      const answer = await store.reserve(order);
      return answer.kind === 'unseeded' ? [answer, await store.reserve({ ...order, seeds })] : answer;
    }
    case 'settle': {
      const { tokens, cost, ageMs, lease } = each;
      const under = lease < 4 ? { lease: { id: `l${lease}`, reservedTokens: 200 } } : {};
      const subjects = [subject('key:a', {}), subject('user:u', {}), subject('org:org', {})];
      return store.settle(settlement(`r${each.request}`, subjects, tokens, { costMicros: cost, ageMs, ...under }));
    }
    case 'lease': {
      const order = leaseOrder(`l${each.lease}`, plans[each.plan]!, each.requests, each.tokens);
      const answer = await store.lease(order);
      return answer.kind === 'unseeded' ? [answer, await store.lease({ ...order, seeds })] : answer;
    }
    case 'return': {
      const { lease, requests, tokens } = each;
      return store.returnLease({
        ...{ orgId: 'org', leaseId: `l${lease}`, requestsUsed: requests, tokensPromised: tokens },
      });
    }
    default:
      return each satisfies never;
  }
}

describeWith(['redis-server'], 'the Redis script', () => {
  let server: TestServer;
  let redis: Redis;
  const opened: RedisLimitStore[] = [];
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()));
    redis.disconnect();
    await server.stop();
  });
  const open = async (script: string) => {
    const store = new RedisLimitStore({
      ...{ url: server.url, clock: systemClock, random: systemRandom, reservationTtlMs: TTL_MS, script },
      commandTimeoutMs: 2_000,
    });
    opened.push(store);
    await store.start();
    return store;
  };

  it('decides to the token and the millisecond as the memory store does, over days and months', async () => {
    const store = await open(clockwork + limitScript);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), whole(365 * 86_400_000), async (steps, start) => {
        await redis.flushall();
        const clock = createFakeClock(Date.UTC(2027, 6, 1) + start);
        const memory = new MemoryLimitStore({ clock, reservationTtlMs: TTL_MS, maxReservations: 1_000 });
        for (const each of steps) {
          if (each.kind === 'pass') {
            clock.advance(each.ms);
            continue;
          }
          await redis.set('now', clock.now());
          expect(await apply(store, each)).toEqual(await apply(memory, each));
        }
      }),
      // A failure is made small for as long at most.
      { numRuns: 250, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('lets nothing stay in Redis that does not expire', async () => {
    await redis.flushall();
    const store = await open(limitScript);
    const few = [subject('key:k', { requests_per_minute: 100, tokens_per_minute: 9_000, concurrent_requests: 9 })];
    await store.reserve(reservation('1', few));
    await store.settle(settlement('2', few, 20));
    await store.lease(leaseOrder('l', [subject('org:o', { requests_per_minute: 100 })], 1, 1));
    const keys = await redis.keys('*');
    expect(keys).toHaveLength(7);
    for (const key of keys) expect([key, await redis.pttl(key)]).toEqual([key, expect.any(Number)]);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });
});
