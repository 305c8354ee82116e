import { beforeEach, describe, expect, it } from '@jest/globals';
import type { limits } from '@flotilla/contracts';
import { FlotillaError, systemRandom } from '@flotilla/kernel';
import { createFakeClock, type FakeClock } from '@flotilla/testkit';
import { Circuit } from './circuit.ts';
import { Leases } from './leases.ts';
import { keySubject } from './subject.fixture.ts';

const subjects = [keySubject({ requestsPerMinute: 600, tokensPerMinute: 60_000 })];
const state = {
  name: 'requests_per_minute',
  limit: 600,
  remaining: 500,
  resetMs: 10_000,
  windowMs: 60_000,
  scope: 'key',
};

let clock: FakeClock;
let leases: Leases;
let asked: limits.LeaseRequest[];
let returned: limits.ReturnLeaseRequest[];
let away: boolean;
let grant: (request: limits.LeaseRequest) => Promise<limits.LeaseResponse>;

beforeEach(() => {
  clock = createFakeClock();
  asked = [];
  returned = [];
  away = false;
  grant = async ({ requests, tokens }) => ({ requests, tokens, limits: [state] });
  const unused = async () => Promise.reject(new Error('not a part of this test'));
  leases = new Leases({
    limiter: {
      ...{ reserve: unused, settle: unused, getUsage: unused },
      lease(request) {
        asked.push(request);
        return grant(request);
      },
      async returnLease(request) {
        if (away) throw new FlotillaError('unavailable');
        returned.push(request);
        return { returned: true };
      },
    },
    ...{ circuit: new Circuit(clock), clock, random: systemRandom, ttlMs: 2_000, mostRequests: 100, timeoutMs: 50 },
  });
});

const take = (tokens = 10) => leases.take('org', subjects, tokens);

/** Asks until a lease is in hand. */
async function warm(): Promise<void> {
  expect(take()).toBeUndefined();
  await clock.advanceAsync(0);
}

describe('leases', () => {
  it('leave the first request to the limiter, and decide the next from what was taken in advance', async () => {
    await warm();
    expect(asked).toMatchObject([{ orgId: 'org', subjects, requests: 4, tokens: 40, ttlMs: 2_500 }]);
    expect(take()).toMatchObject({ leaseId: asked[0]!.leaseId });
  });

  it('never give more than the limiter gave, in requests and in tokens', async () => {
    grant = async () => ({ requests: 3, tokens: 25, limits: [] });
    await warm();
    grant = () => new Promise(() => undefined);
    expect(take(10)).toBeDefined();
    expect(take(16)).toBeUndefined();
    expect(take(15)).toBeDefined();
    expect(take(0)).toBeDefined();
    expect(take(0)).toBeUndefined();
  });

  it('ask for the next when half is used, one question at a time, as large as two seconds need', async () => {
    await warm();
    for (let request = 0; request < 3; request += 1) expect(take()).toBeDefined();
    expect(asked).toHaveLength(2);
    await clock.advanceAsync(0);
    for (let request = 0; request < 7; request += 1) take();
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(asked.at(-1)!.requests).toBeGreaterThan(4);
    expect(Math.max(...asked.map(({ requests }) => requests))).toBeLessThanOrEqual(100);
  });

  it('are returned when their time is over, with what was used of them', async () => {
    await warm();
    take(10);
    take(7);
    await clock.advanceAsync(2_000);
    expect(returned).toEqual([{ leaseId: asked[0]!.leaseId, orgId: 'org', requestsUsed: 2, tokensPromised: 17 }]);
    expect(take()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('are returned at the end, and none is taken after it', async () => {
    await warm();
    take();
    await leases.close();
    expect(returned).toMatchObject([{ requestsUsed: 1, tokensPromised: 10 }]);
    expect(take()).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  it('that arrive after the end are returned unused', async () => {
    let answer = (_: limits.LeaseResponse) => {};
    grant = () => new Promise((resolve) => (answer = resolve));
    take();
    await leases.close();
    answer({ requests: 4, tokens: 40, limits: [] });
    await clock.advanceAsync(0);
    expect(returned).toMatchObject([{ requestsUsed: 0, tokensPromised: 0 }]);
  });

  it('are returned when the limiter is back, were it away when their time was over', async () => {
    await warm();
    take(10);
    away = true;
    await clock.advanceAsync(5_000);
    expect(returned).toEqual([]);
    away = false;
    await clock.advanceAsync(1_000);
    expect(returned).toMatchObject([{ leaseId: asked[0]!.leaseId, requestsUsed: 1, tokensPromised: 10 }]);
    expect(clock.pending).toBe(0);
  });

  it('are returned unused when the answer that granted them was lost', async () => {
    grant = async () => Promise.reject(new FlotillaError('deadline_exceeded'));
    take();
    await clock.advanceAsync(0);
    expect(returned).toMatchObject([{ leaseId: asked[0]!.leaseId, requestsUsed: 0, tokensPromised: 0 }]);
  });

  it('take back what was promised to a request that did not begin', async () => {
    await warm();
    const { leaseId } = take(10)!;
    leases.giveBack(subjects, leaseId, 10);
    await leases.close();
    expect(returned).toMatchObject([{ requestsUsed: 0, tokensPromised: 0 }]);
  });

  it('are not asked for again at once when nothing is left, or the limiter is away', async () => {
    for (const refuse of [
      async () => ({ requests: 0, tokens: 0, limits: [] }),
      async () => Promise.reject(new FlotillaError('unavailable')),
    ]) {
      asked.length = 0;
      grant = refuse;
      for (let request = 0; request < 10; request += 1) {
        take();
        await clock.advanceAsync(10);
      }
      expect(asked).toHaveLength(1);
      await clock.advanceAsync(250);
    }
    take();
    expect(asked).toHaveLength(2);
  });

  it('are not taken where a budget or what runs at once is limited', async () => {
    for (const limit of [{ budgetMicrosPerMonth: 5 }, { concurrentRequests: 1 }]) {
      leases.take('org', [keySubject(limit)], 1);
    }
    await clock.advanceAsync(0);
    expect(asked).toEqual([]);
  });

  it('tell what is left as the limiter said, with what is in hand', async () => {
    await warm();
    await clock.advanceAsync(100);
    expect(take()!.limits).toMatchObject([{ name: 'requests_per_minute', remaining: 503, resetMs: 9_900 }]);
    expect(take()!.limits).toMatchObject([{ remaining: 502 }]);
  });
});
