import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@flotilla/kernel';
import { nodeFlags } from '@flotilla/mesh';
import { Limiter, MemoryLimitStore } from '@flotilla/rate-limiter';
import { startRedis } from '@flotilla/testkit';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { atMost, type BenchRow } from '../row.ts';
import { atLeast, perCore, plain } from './figures.ts';
import { asServices } from './services.ts';
import { KEYS, large, reserveAndSettle, subjects } from './subjects.ts';

/**
 * What decisions about limits cost: in this process, against one Redis, and as services on that Redis; beside
 * rate-limiter-flexible and Envoy's ratelimit. ~2 min, and once the minutes that the latter takes to build.
 */
export async function benchLimits(): Promise<BenchRow[]> {
  const rows = await inMemory();
  const redis = await startRedis();
  try {
    rows.push(...(await againstRedis(redis.url)), ...(await asServices(redis)));
  } finally {
    await redis.stop();
  }
  return [...rows, ...(await bytesPerKey())];
}

async function inMemory(): Promise<BenchRow[]> {
  const options = { clock: systemClock, reservationTtlMs: 60_000, maxReservations: 10_000 };
  const limiter = new Limiter({ store: new MemoryLimitStore(options), clock: systemClock });
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
    atLeast('limits: lease decisions per core, memory', 2 * leases, 50_000, `${what}; half grants, half returns`),
    plain('limits: reserve + settle per core, memory', pairs, what),
    plain('limits: rate-limiter-flexible, consume per core, memory', theirs, '1 subject, 1 limit, no settle'),
  ];
}

/** In a process with the flags that services have. */
async function againstRedis(url: string): Promise<BenchRow[]> {
  return JSON.parse(await outputOf(nodeFlags, 'redis', url)) as BenchRow[];
}

async function bytesPerKey(): Promise<BenchRow[]> {
  const measure = async (of: 'flotilla' | 'flexible') => Number(await outputOf(['--expose-gc'], 'memory', of));
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

/** What a script of this folder prints. */
async function outputOf(flags: string[], script: string, argument: string): Promise<string> {
  const file = path.join(import.meta.dirname, `${script}${path.extname(import.meta.filename)}`);
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, ...flags, file, argument]);
  return stdout;
}
