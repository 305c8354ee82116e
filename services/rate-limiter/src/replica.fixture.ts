// A limiter's store as a process of its own, for replicas.test.ts: asks `count` times when it gets SIGUSR2, by a clock that is
// `skew` milliseconds off, and says how often it was admitted.
import { systemClock, systemRandom, type Clock } from '@flotilla/kernel';
import { reservation, subject } from './limits.fixture.ts';
import { RedisLimitStore } from './store.redis.ts';

const [url, name, count, skew] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4]), Number(process.argv[5])];
const clock: Clock = { ...systemClock, now: () => systemClock.now() + skew };
const store = new RedisLimitStore({
  ...{ url, clock, random: systemRandom, reservationTtlMs: 900_000, commandTimeoutMs: 10_000 },
});
await store.start();
const subjects = [
  subject('key:k', { requests_per_day: 1_000, tokens_per_month: 24_000 }),
  subject('org:org', { requests_per_day: 900, concurrent_requests: 100_000 }),
];
const unused = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };
const seeds = subjects.map(() => unused);

process.once('SIGUSR2', async () => {
  const asked = Array.from({ length: count }, (_, i) =>
    store.reserve({ ...reservation(`${name}-${i}`, subjects), seeds }),
  );
  const admitted = (await Promise.all(asked)).filter((answer) => answer.kind === 'decided' && answer.allowed).length;
  console.log(`admitted ${admitted}.`);
  await store.close();
});
console.log('ready');
