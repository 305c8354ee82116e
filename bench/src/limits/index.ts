import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock, systemRandom } from '@flotilla/kernel';
import {
  Limiter,
  MemoryLimitStore,
  RedisLimitStore,
  type Reservation,
  type SubjectLimits,
} from '@flotilla/rate-limiter';
import { startRedis } from '@flotilla/testkit';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { atMost, type BenchRow } from '../row.ts';
import { callFor } from '../rpc/load.ts';

const unlimited: SubjectLimits = {
  ...{ requests_per_minute: 0, requests_per_day: 0, tokens_per_minute: 0, tokens_per_week: 0, tokens_per_month: 0 },
  ...{ concurrent_requests: 0, budget_micros_per_month: 0 },
};
const large = 4_000_000_000;
const perMinute = { ...unlimited, requests_per_minute: large, tokens_per_minute: large };
/** What a request of a customer counts against: three subjects, seven limits. */
const subjectsOf = (index: number) => [
  { kind: 'key', id: `key_${index}`, limits: perMinute },
  { kind: 'user', id: `user_${index}`, limits: perMinute },
  { kind: 'org', id: 'org', limits: { ...perMinute, tokens_per_month: 1e15 } },
];
const KEYS = 1_000;
const subjects = Array.from({ length: KEYS }, (_, index) => subjectsOf(index));
/** Decisions under way at once: what one gateway asks at a few thousand requests per second. */
const CONCURRENCY = 16;
const reservationTtlMs = 60_000;

/** What decisions about limits cost, beside rate-limiter-flexible, in this process and against one Redis. ~40 s. */
export async function benchLimits(): Promise<BenchRow[]> {
  return [...(await inMemory()), ...(await againstRedis()), ...(await bytesPerKey())];
}

async function inMemory(): Promise<BenchRow[]> {
  const store = new MemoryLimitStore({ clock: systemClock, reservationTtlMs, maxReservations: 10_000 });
  const limiter = new Limiter({ store, clock: systemClock });
  const leases = await perCore(async (id) => {
    const leaseId = `lease_${id}`;
    const order = { orgId: 'org', leaseId, subjects: subjects[id % KEYS]!, requests: 2, tokens: 2_000, ttlMs: 2_000 };
    await limiter.lease(order);
    await limiter.returnLease({ orgId: 'org', leaseId, requestsUsed: 1, tokensPromised: 900 });
  });
  const pairs = await perCore((id) => reserveAndSettle(limiter, id));
  const flexible = new RateLimiterMemory({ points: large, duration: 60 });
  const theirs = await perCore((id) => flexible.consume(`key_${id % KEYS}`, 1));
  const what = '3 subjects, 7 limits';
  return [
    // Each is two decisions: what is taken, and what is given back.
    atLeast(
      'limits: lease decisions per core, memory',
      2 * leases.perSecond,
      50_000,
      `${what}; half grants, half returns`,
    ),
    plain('limits: reserve + settle per core, memory', pairs.perSecond, what),
    plain('limits: rate-limiter-flexible, consume per core, memory', theirs.perSecond, '1 subject, 1 limit, no settle'),
  ];
}

async function againstRedis(): Promise<BenchRow[]> {
  const server = await startRedis();
  const store = new RedisLimitStore({
    ...{ url: server.url, clock: systemClock, random: systemRandom, reservationTtlMs, commandTimeoutMs: 1_000 },
  });
  const redis = new Redis(server.url, { enableAutoPipelining: true });
  try {
    await store.start();
    const limiter = new Limiter({ store, clock: systemClock });
    const ours = await perCore((id) => reserveAndSettle(limiter, id));
    let asked = 0;
    const latency = await callFor(3_000, 4, () => limiter.reserve(reservationOf((asked += 1) + 1e9)));
    const flexible = new RateLimiterRedis({ storeClient: redis, points: large, duration: 60 });
    const one = await perCore((id) => flexible.consume(`key_${id % KEYS}`, 1));
    const seven = await perCore((id) =>
      Promise.all(
        subjects[id % KEYS]!.flatMap(({ kind, id: name }) => [
          flexible.consume(`${kind}:${name}:requests`, 1),
          flexible.consume(`${kind}:${name}:tokens`, 100),
          ...(kind === 'org' ? [flexible.consume(`${kind}:${name}:month`, 100)] : []),
        ]),
      ),
    );
    return [
      atLeast('limits: reserve + settle per core, Redis', ours.perSecond, 8_000, '3 subjects, 7 limits, atomic'),
      atMost('limits: reserve against Redis, p99', latency.p99, 2, 'ms', `4 at once, p50 ${latency.p50.toFixed(2)} ms`),
      plain('limits: rate-limiter-flexible, 7 consumes per core, Redis', seven.perSecond, 'not atomic, no settle'),
      plain('limits: rate-limiter-flexible, consume per core, Redis', one.perSecond, '1 subject, 1 limit'),
    ];
  } finally {
    await store.close();
    redis.disconnect();
    await server.stop();
  }
}

async function bytesPerKey(): Promise<BenchRow[]> {
  const script = path.join(import.meta.dirname, `memory${path.extname(import.meta.filename)}`);
  const measure = async (of: 'flotilla' | 'flexible') => {
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, '--expose-gc', script, of]);
    return Number(stdout);
  };
  const [ours, theirs] = [await measure('flotilla'), await measure('flexible')];
  return [
    atMost(
      'limits: memory per key, one million keys',
      ours,
      400,
      'bytes',
      'minute and period limits; names of 40 characters',
    ),
    { ...plain('limits: rate-limiter-flexible, memory per key', theirs, '1 limit; one million keys'), unit: 'bytes' },
  ];
}

async function reserveAndSettle(limiter: Limiter, id: number): Promise<void> {
  const reservation = reservationOf(id);
  await limiter.reserve(reservation);
  const { orgId, requestId } = reservation;
  await limiter.settle({ orgId, requestId, subjects: reservation.subjects, tokens: 80, costMicros: 10 });
}

function reservationOf(id: number): Reservation {
  return {
    ...{ orgId: 'org', requestId: `req_${id}`, subjects: subjects[id % KEYS]!, promptTokens: 50, outputTokens: 50 },
    ...{ defaultOutputTokens: 100, price: { input: 0.1, output: 0.2 }, holdMs: 60_000, tokensOnly: false },
  };
}

/** How often per second of this process's CPU. */
async function perCore(run: (id: number) => Promise<unknown>): Promise<{ perSecond: number }> {
  let id = 0;
  const next = () => run((id += 1));
  await callFor(500, CONCURRENCY, next);
  const before = process.cpuUsage();
  const { calls } = await callFor(3_000, CONCURRENCY, next);
  const { user, system } = process.cpuUsage(before);
  return { perSecond: Math.round((calls / (user + system)) * 1e6) };
}

function atLeast(name: string, measured: number, target: number, note: string): BenchRow {
  return { name, measured, unit: '/s', target: `≥ ${target}`, ok: measured >= target, note };
}

function plain(name: string, measured: number, note: string): BenchRow {
  return { name, measured, unit: '/s', target: '', ok: true, note };
}
