import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { describeWith, startRedis, until, type TestServer } from '@flotilla/testkit';
import { reservation, subject } from './limits.fixture.ts';
import { RedisLimitStore } from './store.redis.ts';

const subjects = [subject('key:k', { requests_per_minute: 100, tokens_per_minute: 10_000 })];

describeWith(['redis-server'], 'when Redis is away', () => {
  let server: TestServer;
  let store: RedisLimitStore;
  let requests = 0;
  const open = (commandTimeoutMs: number) =>
    new RedisLimitStore({
      ...{ url: server.url, clock: systemClock, random: systemRandom, reservationTtlMs: 900_000, commandTimeoutMs },
    });
  const reserve = () => store.reserve(reservation(`r${(requests += 1)}`, subjects));
  const becomes = (ready: boolean) => until(() => store.ready() === ready, { what: `ready to be ${ready}` });

  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    await store.close();
    await server.stop();
  });

  it('starts without it, says that it is not ready, refuses to decide, and serves when it comes', async () => {
    await server.kill();
    store = open(1_000);
    await store.start();
    expect(store.ready()).toBe(false);
    await expect(reserve()).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await becomes(true);
    expect(await reserve()).toMatchObject({ allowed: true });
  });

  it('fails at once after a crash and goes on by itself after the restart', async () => {
    store = open(1_000);
    await store.start();
    expect(await reserve()).toMatchObject({ allowed: true });
    await server.kill();
    await expect(reserve()).rejects.toMatchObject({ code: 'unavailable' });
    await becomes(false);
    await expect(reserve()).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await becomes(true);
    expect(await reserve()).toMatchObject({ allowed: true });
  });

  it('does not wait longer than its timeout for one that hangs', async () => {
    store = open(20);
    await store.start();
    process.kill(server.pid, 'SIGSTOP');
    const answers = await Promise.allSettled([reserve(), reserve(), reserve()]);
    expect(answers.map((answer) => answer.status)).toEqual(['rejected', 'rejected', 'rejected']);
    process.kill(server.pid, 'SIGCONT');
    await until(async () => (await reserve()).kind === 'decided', { what: 'a decision after the pause' });
  });
});
