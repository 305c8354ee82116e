// Decisions of a process on a Redis, without the hop to a service, as rows in JSON: node redis.js <url>.
import { systemClock, systemRandom } from '@flotilla/kernel';
import { Limiter, RedisLimitStore } from '@flotilla/rate-limiter';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { atMost, type BenchRow } from '../row.ts';
import { callFor, type CallFigures } from '../rpc/load.ts';
import { atLeast, perCore, plain } from './figures.ts';
import { KEYS, large, reservationOf, reserveAndSettle, single, subjects } from './subjects.ts';

async function againstRedis(url: string): Promise<BenchRow[]> {
  const store = new RedisLimitStore({
    ...{ url, clock: systemClock, random: systemRandom, reservationTtlMs: 60_000, commandTimeoutMs: 1_000 },
  });
  const redis = new Redis(url, { enableAutoPipelining: true });
  try {
    await store.start();
    const limiter = new Limiter({ store, clock: systemClock });
    const pairs = await perCore((id) => reserveAndSettle(limiter, id));
    return [
      atLeast('limits: reserve + settle per core, Redis', pairs, 8_000, '3 subjects, 7 limits, atomic'),
      await latencyOf(limiter, redis),
      ...(await flexible(redis)),
      plain(
        'limits: reserve per core, Redis',
        await perCore((id) => limiter.reserve(reservationOf(id + 2e9, single))),
        '1 subject, 1 limit, no settle: beside the consume above',
      ),
    ];
  } finally {
    await store.close();
    redis.disconnect();
  }
}

/** In turns with pings on a connection of the same kind, the median round of each: the way there and back by itself. */
async function latencyOf(limiter: Limiter, redis: Redis): Promise<BenchRow> {
  let asked = 1e9;
  const reserves: CallFigures[] = [];
  const pings: CallFigures[] = [];
  await redis.config('RESETSTAT');
  for (let round = 0; round < 5; round += 1) {
    pings.push(await callFor(1_000, 4, () => redis.ping()));
    reserves.push(await callFor(1_000, 4, () => limiter.reserve(reservationOf((asked += 1)))));
  }
  const [reserve, ping] = [medianOf(reserves), medianOf(pings)];
  const within = /usec_evalsha:.*p99=([\d.]+)/.exec(await redis.info('latencystats'))?.[1];
  const figures = ({ p50, p99 }: CallFigures) => `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms`;
  const note = `4 at once, ${figures(reserve)}, of it in Redis p99 ${(Number(within) / 1_000).toFixed(2)} ms; a PING beside it: ${figures(ping)}`;
  return atMost('limits: reserve against Redis, p99', reserve.p99, 2, 'ms', note);
}

function medianOf(rounds: CallFigures[]): CallFigures {
  return rounds.toSorted((a, b) => a.p99 - b.p99)[Math.floor(rounds.length / 2)]!;
}

async function flexible(storeClient: Redis): Promise<BenchRow[]> {
  const limiter = new RateLimiterRedis({ storeClient, points: large, duration: 60 });
  const one = await perCore((id) => limiter.consume(`key_${id % KEYS}`, 1));
  const seven = await perCore((id) =>
    Promise.all(
      subjects[id % KEYS]!.flatMap(({ kind, id: name }) => [
        limiter.consume(`${kind}:${name}:requests`, 1),
        limiter.consume(`${kind}:${name}:tokens`, 100),
        ...(kind === 'org' ? [limiter.consume(`${kind}:${name}:month`, 100)] : []),
      ]),
    ),
  );
  return [
    plain('limits: rate-limiter-flexible, 7 consumes per core, Redis', seven, 'not atomic, no settle'),
    plain('limits: rate-limiter-flexible, consume per core, Redis', one, '1 subject, 1 limit'),
  ];
}

console.log(JSON.stringify(await againstRedis(process.argv[2]!)));
process.exit(0);
