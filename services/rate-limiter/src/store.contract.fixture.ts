import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Decision, Dimension, LeaseGrant, LimitStore, Reservation, SubjectLimits } from './limit-store.ts';
import { leaseOrder, reservation, settlement, subject } from './limits.fixture.ts';

// Redis counts by its own clock, which a test cannot move: limits here refill slowly (100 tokens a minute), so that what a
// test sees does not depend on how fast it runs. What time does is tested on the memory store and, against Lua, in redis-script.test.ts.

/** What every store of limits does. */
export function limitStoreContract(name: string, open: () => Promise<LimitStore>): void {
  describe(name, () => {
    let store: LimitStore;
    let names = 0;
    beforeAll(async () => {
      store = await open();
      await store.start();
    });
    afterAll(() => store.close());

    const perMinute = { requests_per_minute: 5, tokens_per_minute: 100 };
    const newKey = (limits: Partial<SubjectLimits> = perMinute) => subject(`key:${(names += 1)}`, limits);
    type Key = ReturnType<typeof newKey>;
    const ask = async (keys: readonly Key[], id: string, overrides: Partial<Reservation> = {}) => {
      const order = reservation(`${keys[0]!.id}-${id}`, keys, overrides);
      const answer = await store.reserve(order);
      if (answer.kind === 'decided') return answer;
      const unused = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };
      return (await store.reserve({ ...order, seeds: keys.map(() => unused) })) as Decision;
    };
    const reserve = (key: Key, id: string, overrides: Partial<Reservation> = {}) => ask([key], id, overrides);
    const settle = (key: Key, id: string, tokens: number, ageMs = 0) =>
      store.settle(settlement(`${key.id}-${id}`, [key], tokens, { ageMs }));
    const left = (decision: Pick<Decision, 'states'>, dimension: Dimension = 'tokens_per_minute') =>
      decision.states.find((state) => state.dimension === dimension)!.remaining;
    const tokensLeft = async (key: Key) => left(await reserve(key, 'probe', { outputTokens: 99 }));
    /** Give or take what refills meanwhile: one token in 0.6 s. */
    const about = (actual: number, expected: number) => {
      expect(actual).toBeGreaterThanOrEqual(expected);
      expect(actual).toBeLessThanOrEqual(expected + 9);
    };

    it('takes one request and the tokens, and says what is left', async () => {
      const first = await reserve(newKey(), 'r1');
      expect(first).toMatchObject({ allowed: true, grantedOutputTokens: 20, refusedBy: undefined, retryAfterMs: 0 });
      expect(first.states).toMatchObject([
        { dimension: 'requests_per_minute', remaining: 4, resetMs: 12_000 },
        { dimension: 'tokens_per_minute', remaining: 70, resetMs: 18_000 },
      ]);
    });

    it('grants a request without a maximum the default, then what is left', async () => {
      const key = newKey();
      expect(await reserve(key, 'r1', { outputTokens: 0 })).toMatchObject({ grantedOutputTokens: 40 });
      const second = await reserve(key, 'r2', { outputTokens: 0, promptTokens: 30 });
      about(second.grantedOutputTokens, 20);
    });

    it('refuses what does not fit, says by which limit and until when, and takes nothing', async () => {
      const key = newKey();
      await reserve(key, 'r1', { outputTokens: 80 });
      const refused = await reserve(key, 'r2', { outputTokens: 40 });
      const refusedBy = { subject: key, dimension: 'tokens_per_minute' };
      expect(refused).toMatchObject({ allowed: false, grantedOutputTokens: 0, refusedBy });
      expect(refused.retryAfterMs).toBeGreaterThan(20_000);
      expect(refused.retryAfterMs).toBeLessThanOrEqual(24_000);
      expect(left(refused, 'requests_per_minute')).toBe(4);
      about(left(refused), 10);
    });

    it('says of a request larger than the bucket that waiting is no use', async () => {
      const refused = await reserve(newKey(), 'r1', { outputTokens: 91 });
      expect(refused).toMatchObject({ refusedBy: { dimension: 'tokens_per_minute' }, retryAfterMs: 0 });
    });

    it('refuses by requests when tokens are left', async () => {
      const key = newKey();
      for (let i = 0; i < 5; i += 1) expect((await reserve(key, `r${i}`, { outputTokens: 1 })).allowed).toBe(true);
      const sixth = await reserve(key, 'r5', { outputTokens: 1 });
      expect(sixth).toMatchObject({ refusedBy: { dimension: 'requests_per_minute' } });
    });

    it('takes from all subjects or none, and names the one that refuses', async () => {
      const org = subject(`org:${(names += 1)}`, { requests_per_minute: 2 });
      const [one, other] = [newKey(), newKey()];
      for (const id of ['r1', 'r2']) expect((await ask([one, org], id)).allowed).toBe(true);
      const refused = await ask([other, org], 'r3');
      expect(refused).toMatchObject({ refusedBy: { subject: org, dimension: 'requests_per_minute' } });
      expect(refused.states.map(({ subject: { kind } }) => kind)).toEqual(['key', 'key', 'org']);
      expect(left(refused)).toBe(100);
    });

    it('lets as many run at once as it may, until they end', async () => {
      const key = newKey({ concurrent_requests: 2 });
      expect(left(await reserve(key, 'r1'), 'concurrent_requests')).toBe(1);
      await reserve(key, 'r2');
      const third = await reserve(key, 'r3');
      expect(third).toMatchObject({ allowed: false, refusedBy: { dimension: 'concurrent_requests' } });
      expect(third.retryAfterMs).toBeGreaterThan(0);
      expect((await reserve(key, 'part', { tokensOnly: true })).allowed).toBe(true);
      await settle(key, 'r1', 5);
      expect((await reserve(key, 'r3')).allowed).toBe(true);
    });

    it('takes tokens alone for a part of a request that was counted', async () => {
      const key = newKey();
      await reserve(key, 'r1');
      const part = await reserve(key, 'part', { tokensOnly: true, outputTokens: 0, defaultOutputTokens: 0 });
      expect(part).toMatchObject({ allowed: true, grantedOutputTokens: 0 });
      expect(left(part, 'requests_per_minute')).toBe(4);
      about(left(part), 60);
    });

    it('answers a repeated reserve with the first decision and takes nothing more', async () => {
      const key = newKey();
      const first = await reserve(key, 'r1');
      const again = await reserve(key, 'r1', { outputTokens: 1 });
      expect(again).toMatchObject({ allowed: true, grantedOutputTokens: first.grantedOutputTokens });
      expect(left(again, 'requests_per_minute')).toBe(4);
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
      expect(after).toMatchObject({ allowed: false, refusedBy: { dimension: 'tokens_per_minute' } });
      expect(left(after)).toBe(0);
      expect(after.retryAfterMs).toBeGreaterThan(20_000);
    });

    it('charges a settlement that nobody reserved to those it knows, once, less what has leaked since', async () => {
      const key = newKey();
      await reserve(key, 'r0', { promptTokens: 0, outputTokens: 1 });
      expect(await settle(key, 'r1', 39)).toBe(true);
      expect(await settle(key, 'r1', 39)).toBe(false);
      about(await tokensLeft(key), 60);
      await settle(key, 'half', 40, 12_000);
      about(await tokensLeft(key), 40);
      await settle(key, 'old', 1_000, 86_400_000);
      about(await tokensLeft(key), 40);
    });

    it('follows a limit that changes, and one that is lifted', async () => {
      const key = newKey();
      await reserve(key, 'r1', { outputTokens: 80 });
      const more = { ...key, limits: { ...key.limits, tokens_per_minute: 200 } };
      about(left(await reserve(more, 'large', { outputTokens: 190 })), 110);
      const none = { ...key, limits: { ...key.limits, tokens_per_minute: 0 } };
      expect((await reserve(none, 'r2', { outputTokens: 9_000 })).allowed).toBe(true);
    });

    it('counts each organisation and each subject alone', async () => {
      const [one, other] = [newKey(), newKey()];
      await reserve(one, 'r1', { outputTokens: 80 });
      expect(left(await reserve(other, 'r1'))).toBe(70);
      expect(left(await reserve(one, 'r1', { orgId: 'another' }))).toBe(70);
    });

    it('admits exactly what fits of a thousand that come at once', async () => {
      const key = newKey({ requests_per_minute: 2 });
      const asked = Array.from({ length: 1_000 }, (_, i) => reserve(key, `r${i}`));
      expect((await Promise.all(asked)).filter(({ allowed }) => allowed)).toHaveLength(2);
    });

    describe('leases', () => {
      const wide = { requests_per_minute: 100, tokens_per_minute: 1_000 };
      const lease = async (key: Key, id: string, requests: number, tokens: number) =>
        (await store.lease(leaseOrder(`${key.id}-${id}`, [key], requests, tokens))) as LeaseGrant;
      const giveBack = (key: Key, id: string, requestsUsed: number, tokensPromised: number) =>
        store.returnLease({ ...{ orgId: 'org', leaseId: `${key.id}-${id}` }, requestsUsed, tokensPromised });

      it('grants a tenth of what is left at most, charged at once, and the same when asked again', async () => {
        const key = newKey(wide);
        expect(await lease(key, 'l1', 50, 5_000)).toMatchObject({ requests: 10, tokens: 100 });
        expect(await lease(key, 'l1', 50, 5_000)).toMatchObject({ requests: 10, tokens: 100 });
        const after = await reserve(key, 'r1', { promptTokens: 0, outputTokens: 1 });
        about(left(after, 'requests_per_minute'), 89);
        about(left(after), 899);
        expect(await lease(key, 'l2', 2, 30)).toMatchObject({ requests: 2, tokens: 30 });
      });

      it('grants the last request, and nothing where a limit cannot be kept in advance', async () => {
        expect(await lease(newKey({ requests_per_minute: 3 }), 'l', 9, 0)).toMatchObject({ requests: 1 });
        expect(await lease(newKey({ tokens_per_minute: 5 }), 'l', 9, 9)).toMatchObject({ requests: 0, tokens: 0 });
        expect(await lease(newKey({ concurrent_requests: 5 }), 'l', 9, 9)).toMatchObject({ requests: 0 });
      });

      it('takes back what was not promised, once; what was promised settles by its usage', async () => {
        const key = newKey(wide);
        await lease(key, 'l', 10, 100);
        expect(await giveBack(key, 'l', 2, 60)).toBe(true);
        expect(await giveBack(key, 'l', 0, 0)).toBe(false);
        expect(await giveBack(key, 'unknown', 0, 0)).toBe(false);
        const returned = await reserve(key, 'a', { promptTokens: 0, outputTokens: 1 });
        about(left(returned), 939);
        about(left(returned, 'requests_per_minute'), 97);
        const under = { lease: { id: `${key.id}-l`, reservedTokens: 60 } };
        expect(await store.settle(settlement(`${key.id}-r1`, [key], 25, under))).toBe(true);
        expect(await store.settle(settlement(`${key.id}-r1`, [key], 25, under))).toBe(false);
        about(left(await reserve(key, 'b', { promptTokens: 0, outputTokens: 1 })), 973);
      });
    });
  });
}
