import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { systemClock, systemRandom, type Clock } from '@flotilla/kernel';
import { createFakeClock, describeWith, startChild, startRedis, until, type TestServer } from '@flotilla/testkit';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import path from 'node:path';
import type { Decision } from './limit-store.ts';
import { reservation, settlement, subject } from './limits.fixture.ts';
import { Limiter } from './limiter.ts';
import { clockwork } from './redis-clockwork.fixture.ts';
import { limitScript } from './redis-script.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';

const FIVE_MINUTES = 300_000;
const reservationTtlMs = 900_000;

/** Many ask at once for the same; later they have used some of it. */
interface Round {
  passMs: number;
  asks: number;
  prompt: number;
  output: number;
  usedShare: number;
  limits: number[];
}
const limit = (max: number) => fc.oneof(fc.constant(0), fc.integer({ min: 1, max }));
const round: fc.Arbitrary<Round> = fc.record({
  passMs: fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 86_400_000 })),
  asks: fc.integer({ min: 1, max: 60 }),
  prompt: fc.integer({ min: 0, max: 50 }),
  output: fc.integer({ min: 1, max: 50 }),
  usedShare: fc.integer({ min: 0, max: 120 }),
  limits: fc
    .tuple(limit(40), limit(60), limit(3_000), limit(6_000), limit(9_000), limit(30), limit(9_000))
    .map((all) => [...all]),
});
const subjectsOf = ([rpm, rpd, tpm, tpw, tpmonth, running, budget]: number[]) => [
  subject('key:k', { requests_per_minute: rpm!, tokens_per_minute: tpm!, concurrent_requests: running! }),
  subject('user:u', { requests_per_day: rpd!, tokens_per_week: tpw! }),
  subject('org:org', { tokens_per_month: tpmonth!, budget_micros_per_month: budget!, requests_per_minute: 50 }),
];

describeWith(['redis-server'], 'limiters that share a Redis', () => {
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

  it.each([1, 3, 8])(
    'admit, all %i together, exactly what one that asks in turn would, whatever their clocks say',
    async (count) => {
      const oracleClock = createFakeClock();
      const skewed = (index: number): Clock => {
        const offset = count === 1 ? FIVE_MINUTES : -FIVE_MINUTES + (2 * FIVE_MINUTES * index) / (count - 1);
        return { ...systemClock, now: () => oracleClock.now() + offset };
      };
      const stores = Array.from({ length: count }, (_, index) => {
        const options = { url: server.url, random: systemRandom, commandTimeoutMs: 5_000, reservationTtlMs };
        return new RedisLimitStore({ ...options, clock: skewed(index), script: clockwork + limitScript });
      });
      opened.push(...stores);
      await Promise.all(stores.map((store) => store.start()));
      const limiters = stores.map((store, index) => new Limiter({ store, clock: skewed(index) }));

      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 6 }), async (rounds) => {
          await redis.flushall();
          const store = new MemoryLimitStore({ clock: oracleClock, reservationTtlMs, maxReservations: 10_000 });
          const oracle = new Limiter({ store, clock: oracleClock });
          for (const [index, each] of rounds.entries()) {
            oracleClock.advance(each.passMs);
            await redis.set('now', oracleClock.now());
            const subjects = subjectsOf(each.limits);
            const ids = Array.from({ length: each.asks }, (_, ask) => `${index}-${ask}`);
            const order = (id: string) =>
              reservation(id, subjects, {
                ...{ promptTokens: each.prompt, outputTokens: each.output, price: { input: 1, output: 2 } },
              });
            const expected: Decision[] = [];
            for (const id of ids) expected.push(await oracle.reserve(order(id)));
            const decided = await Promise.all(ids.map((id, at) => limiters[at % count]!.reserve(order(id))));
            const admitted = ids.filter((_, at) => decided[at]!.allowed);
            expect(admitted).toHaveLength(expected.filter(({ allowed }) => allowed).length);

            const used = Math.floor(((each.prompt + each.output) * each.usedShare) / 100);
            const settle = (id: string) => settlement(id, subjects, used, { costMicros: used });
            for (const [at, id] of ids.entries()) if (expected[at]!.allowed) await oracle.settle(settle(id));
            // Every one twice, by two limiters: an event comes again.
            const settled = await Promise.all(
              [...admitted, ...admitted].map((id, at) => limiters[(at * 3 + 1) % count]!.settle(settle(id))),
            );
            expect(settled.filter(Boolean)).toHaveLength(admitted.length);
            const probe = order(`${index}-probe`);
            const last = [await limiters[0]!.reserve(probe), await oracle.reserve(probe)];
            expect(last[0]).toEqual(last[1]);
          }
        }),
        { numRuns: 40, interruptAfterTimeLimit: 15_000 },
      );
    },
  );

  it('admit as three processes, with clocks up to five minutes off, exactly what fits', async () => {
    await redis.flushall();
    const processes = await Promise.all(
      Array.from({ length: 3 }, (_, index) => {
        const skew = (index - 1) * FIVE_MINUTES;
        const script = path.join(import.meta.dirname, 'replica.fixture.ts');
        return startChild({
          command: process.execPath,
          args: ['--conditions=flotilla-source', script, server.url, `p${index}`, '400', `${skew}`],
          ready: { line: /^ready$/ },
        });
      }),
    );
    for (const each of processes) each.signal('SIGUSR2');
    const counts = processes.map(() => 0);
    await until(
      () =>
        processes.every((each, index) => {
          const said = /admitted (\d+)\./.exec(each.output);
          if (said) counts[index] = Number(said[1]);
          return said !== null;
        }),
      { what: 'every process to say what it admitted' },
    );
    await Promise.all(processes.map((each) => each.stop()));
    // 24,000 tokens at 30 each are 800 requests: less than the days of key and organisation allow.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(800);
  });
});
