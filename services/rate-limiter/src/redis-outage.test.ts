import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { describeWith, startRedis, until, type TestServer } from '@flotilla/testkit';
import { Limiter } from './limiter.ts';
import { reservation, settlement, subject } from './limits.fixture.ts';
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

  it('forgets nothing that the ledger has when it comes back empty: no request is refused wrongly, none passes too many', async () => {
    store = open(1_000);
    await store.start();
    const day = [subject('org:org', { requests_per_day: 60, tokens_per_month: 1_000_000 })];
    const ledger = { requests: 0 };
    const seed = {
      used: async () => [{ dayRequests: ledger.requests, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 }],
    };
    const limiter = new Limiter({ store, clock: systemClock, seed });
    const ask = async (id: string) => (await limiter.reserve(reservation(id, day))).allowed;
    const settle = (id: string, at: number) => limiter.settle(settlement(id, day, 20), at);

    for (let i = 0; i < 30; i += 1) {
      expect(await ask(`before${i}`)).toBe(true);
      ledger.requests += 1;
      await settle(`before${i}`, systemClock.now());
    }
    await server.kill();
    // While it is away the gateway lets requests pass; their events reach the ledger and settle nothing.
    const passed: [id: string, at: number][] = [];
    for (let i = 0; i < 10; i += 1) {
      ledger.requests += 1;
      passed.push([`passed${i}`, systemClock.now()]);
      await expect(settle(...passed[i]!)).rejects.toMatchObject({ code: 'unavailable' });
    }
    await server.restart();
    await becomes(true);
    // Half of the events come again before anyone asks, half after.
    for (const each of passed.slice(0, 5)) expect(await settle(...each)).toBe(true);
    expect(await ask('first')).toBe(true);
    for (const each of passed.slice(5)) expect(await settle(...each)).toBe(true);
    let admitted = 1;
    for (let i = 0; i < 40; i += 1) if (await ask(`after${i}`)) admitted += 1;
    expect(admitted).toBe(60 - 40);
  });
});
