import { afterAll, beforeAll } from '@jest/globals';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { describeWith, startRedis, type TestServer } from '@flotilla/testkit';
import { limitStoreContract } from './store.contract.fixture.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';

const reservationTtlMs = 900_000;

limitStoreContract(
  'the limit store in memory',
  async () => new MemoryLimitStore({ clock: systemClock, reservationTtlMs, maxReservations: 100_000 }),
);

describeWith(['redis-server'], 'the limit store in Redis', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  limitStoreContract(
    'with one limiter',
    async () =>
      new RedisLimitStore({
        ...{ url: server.url, clock: systemClock, random: systemRandom, reservationTtlMs },
        // Generous: a busy test machine is not what is tested.
        commandTimeoutMs: 2_000,
      }),
  );
});
