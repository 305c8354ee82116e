import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { describeWith, startRedis, type TestServer } from '@flotilla/testkit';
import type { KeyLimits, LimitStore, Reservation } from './limit-store.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';

// Redis counts by its own clock, which a test cannot move: limits here refill slowly (100 tokens a minute), so that what a
// test sees does not depend on how fast it runs. What time does is tested on buckets and, against Lua, in redis-script.test.ts.
const reservationTtlMs = 900_000;

function contract(name: string, open: () => Promise<LimitStore>) {
  describe(name, () => {
    let store: LimitStore;
    let keys = 0;
    beforeAll(async () => {
      store = await open();
      await store.start();
    });
    afterAll(() => store.close());

    const newKey = () => `key_${(keys += 1)}`;
    const limits: KeyLimits = { requestsPerMinute: 5, tokensPerMinute: 100, defaultMaxTokens: 40 };
    const reserve = (keyId: string, requestId: string, overrides: Partial<Reservation> = {}) =>
      store.reserve({
        ...{ keyId, requestId, promptTokens: 10, outputTokens: 20 },
        limits,
        ...overrides,
      });
    const settle = (keyId: string, requestId: string, tokens: number, ageMs = 0) =>
      store.settle({
        ...{ keyId, requestId, tokens, ageMs },
        limits,
      });
    /** Tokens left, give or take those that refill meanwhile: one in 0.6 s. */
    const tokensLeft = async (keyId: string) => {
      const { tokens } = await reserve(keyId, 'probe', { outputTokens: 99 });
      return tokens.remaining;
    };
    const about = (left: number, expected: number) => {
      expect(left).toBeGreaterThanOrEqual(expected);
      expect(left).toBeLessThanOrEqual(expected + 9);
    };

    it('takes one request and the tokens, and says what is left', async () => {
      const first = await reserve(newKey(), 'r1');
      expect(first).toMatchObject({ allowed: true, grantedOutputTokens: 20, refusedBy: undefined, retryAfterMs: 0 });
      expect(first.requests).toEqual({ remaining: 4, resetMs: 12_000 });
      expect(first.tokens).toEqual({ remaining: 70, resetMs: 18_000 });
    });

    it('grants a request without a maximum what the tier says, then what is left', async () => {
      const key = newKey();
      expect(await reserve(key, 'r1', { outputTokens: 0 })).toMatchObject({ grantedOutputTokens: 40 });
      const second = await reserve(key, 'r2', { outputTokens: 0, promptTokens: 30 });
      about(second.grantedOutputTokens, 20);
    });

    it('refuses what does not fit, says by which limit and until when, and takes nothing', async () => {
      const key = newKey();
      await reserve(key, 'r1', { outputTokens: 80 });
      const refused = await reserve(key, 'r2', { outputTokens: 40 });
      expect(refused).toMatchObject({ allowed: false, grantedOutputTokens: 0, refusedBy: 'tokens_per_minute' });
      expect(refused.retryAfterMs).toBeGreaterThan(20_000);
      expect(refused.retryAfterMs).toBeLessThanOrEqual(24_000);
      expect(refused.requests.remaining).toBe(4);
      about(refused.tokens.remaining, 10);
    });

    it('says of a request larger than the bucket that waiting is no use', async () => {
      const refused = await reserve(newKey(), 'r1', { outputTokens: 91 });
      expect(refused).toMatchObject({ allowed: false, refusedBy: 'tokens_per_minute', retryAfterMs: 0 });
    });

    it('refuses by requests when tokens are left', async () => {
      const key = newKey();
      for (let i = 0; i < 5; i += 1) expect((await reserve(key, `r${i}`, { outputTokens: 1 })).allowed).toBe(true);
      expect(await reserve(key, 'r5', { outputTokens: 1 })).toMatchObject({ refusedBy: 'requests_per_minute' });
    });

    it('answers a repeated reserve with the first decision and takes nothing more', async () => {
      const key = newKey();
      const first = await reserve(key, 'r1');
      const again = await reserve(key, 'r1', { outputTokens: 1 });
      expect(again).toMatchObject({ allowed: true, grantedOutputTokens: first.grantedOutputTokens });
      expect(again.requests.remaining).toBe(4);
      about(await tokensLeft(key), 70);
    });

    it('keeps the decision also after it was settled', async () => {
      const key = newKey();
      await reserve(key, 'r1');
      await settle(key, 'r1', 10);
      expect(await reserve(key, 'r1')).toMatchObject({ allowed: true, grantedOutputTokens: 20 });
      about(await tokensLeft(key), 90);
    });

    it('returns what was not used, once', async () => {
      const key = newKey();
      await reserve(key, 'r1', { outputTokens: 80 });
      expect(await settle(key, 'r1', 30)).toBe(true);
      about(await tokensLeft(key), 70);
      expect(await settle(key, 'r1', 30)).toBe(false);
      expect(await settle(key, 'r1', 0)).toBe(false);
      about(await tokensLeft(key), 70);
    });

    it('charges what was used beyond the reservation', async () => {
      const key = newKey();
      await reserve(key, 'r1');
      await settle(key, 'r1', 130);
      const after = await reserve(key, 'r2', { outputTokens: 1 });
      expect(after).toMatchObject({ allowed: false, refusedBy: 'tokens_per_minute', tokens: { remaining: 0 } });
      expect(after.retryAfterMs).toBeGreaterThan(20_000);
    });

    it('charges a settlement that nobody reserved, once', async () => {
      const key = newKey();
      expect(await settle(key, 'r1', 40)).toBe(true);
      expect(await settle(key, 'r1', 40)).toBe(false);
      about(await tokensLeft(key), 60);
    });

    it('charges a late settlement only what has not leaked meanwhile', async () => {
      const key = newKey();
      await settle(key, 'half', 40, 12_000);
      about(await tokensLeft(key), 80);
      await settle(key, 'old', 1_000, 86_400_000);
      about(await tokensLeft(key), 80);
    });

    it('counts each key alone', async () => {
      const [one, other] = [newKey(), newKey()];
      await reserve(one, 'same', { outputTokens: 80 });
      expect(await reserve(other, 'same')).toMatchObject({ allowed: true, tokens: { remaining: 70 } });
    });

    it('admits exactly what fits of a thousand that come at once', async () => {
      const key = newKey();
      const asked = Array.from({ length: 1_000 }, (_, i) =>
        reserve(key, `r${i}`, { limits: { ...limits, requestsPerMinute: 2, tokensPerMinute: 1_000_000 } }),
      );
      expect((await Promise.all(asked)).filter(({ allowed }) => allowed)).toHaveLength(2);
    });
  });
}

contract('the limit store in memory', async () => {
  return new MemoryLimitStore({ clock: systemClock, reservationTtlMs, maxReservations: 100_000 });
});

describeWith(['redis-server'], 'the limit store in Redis', () => {
  let server: TestServer;
  const open = () =>
    new RedisLimitStore({
      ...{ url: server.url, clock: systemClock, random: systemRandom, reservationTtlMs },
      // Generous: a busy test machine is not what is tested.
      commandTimeoutMs: 2_000,
    });
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  contract('alone', async () => open());

  it('counts together with every other that shares it', async () => {
    const stores = [open(), open(), open()];
    await Promise.all(stores.map((store) => store.start()));
    const limits = { requestsPerMinute: 4, tokensPerMinute: 1_000_000, defaultMaxTokens: 1 };
    const asked = Array.from({ length: 300 }, (_, i) =>
      stores[i % 3]!.reserve({ keyId: 'shared', requestId: `r${i}`, limits, promptTokens: 1, outputTokens: 1 }),
    );
    expect((await Promise.all(asked)).filter(({ allowed }) => allowed)).toHaveLength(4);
    await Promise.all(stores.map((store) => store.close()));
  });
});
