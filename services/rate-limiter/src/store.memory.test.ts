import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import type { Decision, Dimension, LimitStore, Reservation, Subject } from './limit-store.ts';
import { leaseOrder, reservation, settlement, subject } from './limits.fixture.ts';
import { MemoryLimitStore } from './store.memory.ts';

const limits = { requests_per_minute: 100, tokens_per_minute: 6_000 };
const DAY = 86_400_000;
/** A Friday, the 30th of January 2026, at noon: the day, the week and the month end within two days. */
const FRIDAY = Date.UTC(2026, 0, 30, 12);
const unused = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };

function storeWith(maxReservations = 1_000, start = FRIDAY) {
  const clock = createFakeClock(start);
  const store = new MemoryLimitStore({ clock, reservationTtlMs: 900_000, maxReservations });
  const ask = (requestId: string, subjects: readonly Subject[], overrides: Partial<Reservation> = {}) =>
    decide(store, reservation(requestId, subjects, { promptTokens: 500, outputTokens: 500, ...overrides }));
  const reserve = (key: string, requestId: string, overrides: Partial<Reservation> = {}) =>
    ask(requestId, [subject(`key:${key}`, limits)], overrides);
  const settle = (key: string, requestId: string, tokens: number) =>
    store.settle(settlement(requestId, [{ kind: 'key', id: key }], tokens));
  return { clock, store, ask, reserve, settle };
}

async function decide(store: LimitStore, order: Reservation): Promise<Decision> {
  const answer = await store.reserve(order);
  if (answer.kind === 'decided') return answer;
  return (await store.reserve({ ...order, seeds: order.subjects.map(() => unused) })) as Decision;
}

const remaining = ({ states }: Pick<Decision, 'states'>, dimension: Dimension) =>
  states.find((state) => state.dimension === dimension)!.remaining;

describe('the memory limit store over a minute', () => {
  it('refills evenly', async () => {
    const { clock, reserve } = storeWith();
    for (let i = 0; i < 6; i += 1) expect((await reserve('k', `r${i}`)).allowed).toBe(true);
    expect(await reserve('k', 'r6')).toMatchObject({ allowed: false, retryAfterMs: 10_000 });
    clock.advance(9_999);
    expect((await reserve('k', 'r6')).allowed).toBe(false);
    clock.advance(1);
    expect((await reserve('k', 'r6')).allowed).toBe(true);
  });

  it('leaves an abandoned reservation charged, and charges a settlement that comes after it expired', async () => {
    const { clock, store, reserve, settle } = storeWith();
    await reserve('k', 'gone');
    clock.advance(900_001);
    expect(remaining(await reserve('k', 'other'), 'tokens_per_minute')).toBe(5_000);
    expect(store.size.reservations).toBe(1);
    expect(await settle('k', 'gone', 1_000)).toBe(true);
    expect(remaining(await reserve('k', 'third'), 'tokens_per_minute')).toBe(3_000);
  });

  it('gives nothing back of what has leaked since', async () => {
    const { clock, reserve, settle } = storeWith();
    await reserve('k', 'long');
    clock.advance(10_000);
    await reserve('k', 'next');
    await settle('k', 'long', 0);
    expect(remaining(await reserve('k', 'probe'), 'tokens_per_minute')).toBe(4_000);
  });

  it('remembers a settled request for as long again', async () => {
    const { clock, reserve, settle } = storeWith();
    await reserve('k', 'r');
    clock.advance(800_000);
    await settle('k', 'r', 1_000);
    clock.advance(800_000);
    expect(await settle('k', 'r', 1_000)).toBe(false);
  });

  it('forgets subjects that nobody can settle any more', async () => {
    const { clock, store, reserve } = storeWith(10);
    for (let i = 0; i < 5_000; i += 1) await reserve(`key_${i}`, `r${i}`);
    expect(store.size.accounts).toBe(5_000);
    clock.advance(900_000);
    for (let i = 0; i < 5_000; i += 1) await reserve('one', `s${i}`);
    expect(store.size.accounts).toBeLessThanOrEqual(1);
  });

  it('remembers no more reservations than it may, and forgets the oldest first', async () => {
    const { store, reserve, settle } = storeWith(3);
    for (let i = 0; i < 5; i += 1) await reserve(`key_${i}`, `r${i}`);
    expect(store.size.reservations).toBe(3);
    await settle('key_4', 'r4', 0);
    expect(remaining(await reserve('key_4', 'probe'), 'tokens_per_minute')).toBe(5_000);
  });

  it('follows a limit that changes mid-window, and keeps what was used', async () => {
    const { ask, reserve } = storeWith();
    await reserve('k', 'r1');
    const less = [subject('key:k', { ...limits, tokens_per_minute: 1_500 })];
    const refused = await ask('r2', less, { promptTokens: 1 });
    expect(refused).toMatchObject({ allowed: false });
    expect(remaining(refused, 'tokens_per_minute')).toBe(500);
    const passed = await ask('r3', less, { promptTokens: 1, outputTokens: 499 });
    expect(passed.allowed).toBe(true);
    expect(remaining(passed, 'tokens_per_minute')).toBe(0);
  });
});

describe('the memory limit store over days, weeks and months', () => {
  const periods = [
    subject('org:org', { requests_per_day: 2, tokens_per_week: 3_000, tokens_per_month: 4_000 }),
  ] as const;

  it('counts requests of the day until midnight UTC', async () => {
    const { clock, ask } = storeWith();
    const small = { promptTokens: 1, outputTokens: 1 };
    await ask('r1', periods, small);
    await ask('r2', periods, small);
    expect(await ask('r3', periods, small)).toMatchObject({
      ...{ allowed: false, refusedBy: { dimension: 'requests_per_day' }, retryAfterMs: DAY / 2 },
    });
    clock.advance(DAY / 2 - 1);
    expect((await ask('r3', periods, small)).allowed).toBe(false);
    clock.advance(1);
    expect((await ask('r3', periods, small)).allowed).toBe(true);
  });

  it('counts tokens of the week until Monday and of the month until its first, and names the longest wait', async () => {
    const { clock, ask } = storeWith();
    const large = { promptTokens: 1_000, outputTokens: 1_500 };
    await ask('r1', periods, large);
    // Saturday: the day frees, the week ends in two days, the month, on Sunday, in one.
    clock.advance(DAY / 2);
    expect(await ask('r2', periods, large)).toMatchObject({
      ...{ allowed: false, refusedBy: { dimension: 'tokens_per_week' }, retryAfterMs: 2 * DAY },
    });
    clock.advance(DAY);
    expect(await ask('r3', periods, large)).toMatchObject({ allowed: false, retryAfterMs: DAY });
    const small = await ask('r4', periods, { promptTokens: 400, outputTokens: 0 });
    expect(small.allowed).toBe(true);
    expect(remaining(small, 'tokens_per_month')).toBe(3_560);
    clock.advance(DAY);
    expect((await ask('r5', periods, large)).allowed).toBe(true);
  });

  it('says of a request above a whole week that waiting is no use', async () => {
    const { ask } = storeWith();
    expect(await ask('r1', periods, { promptTokens: 1, outputTokens: 3_000 })).toMatchObject({
      ...{ allowed: false, refusedBy: { dimension: 'tokens_per_week' }, retryAfterMs: 0 },
    });
  });

  it('settles what was reserved before midnight in the day it was reserved in', async () => {
    const { clock, store, ask } = storeWith(1_000, Date.UTC(2026, 0, 31, 23, 59));
    await ask('r1', periods);
    clock.advance(120_000);
    await store.settle(settlement('r1', periods, 5));
    const after = await ask('r2', periods, { promptTokens: 1, outputTokens: 1 });
    expect(remaining(after, 'tokens_per_month')).toBe(3_998);
    expect(remaining(after, 'tokens_per_week')).toBe(3_000 - 5 - 2);
  });

  it('grants what the budget pays at the price of the model', async () => {
    const { ask, store } = storeWith();
    const budget = [subject('org:org', { budget_micros_per_month: 1_000 })];
    const price = { input: 0.5, output: 2 };
    const open = { promptTokens: 100, outputTokens: 0, defaultOutputTokens: 4_000, price };
    expect(await ask('r1', budget, open)).toMatchObject({ allowed: true, grantedOutputTokens: 475 });
    expect(await ask('r2', budget, open)).toMatchObject({ refusedBy: { dimension: 'budget_micros_per_month' } });
    await store.settle(settlement('r1', budget, 110, { costMicros: 70 }));
    const free = await ask('r3', budget, { ...open, price: { input: 0, output: 0 } });
    expect(free).toMatchObject({ allowed: true, grantedOutputTokens: 4_000 });
    expect(remaining(free, 'budget_micros_per_month')).toBe(930);
  });

  it('asks for what was used before it counts a period, and charges nothing of it twice', async () => {
    const { clock, store } = storeWith();
    const order = reservation('r1', periods, { promptTokens: 1, outputTokens: 1 });
    expect(await store.reserve(order)).toEqual({ kind: 'unseeded' });
    const seeds = [{ dayRequests: 1, weekTokens: 100, monthTokens: 200, monthCostMicros: 0 }];
    const first = (await store.reserve({ ...order, seeds })) as Decision;
    expect(first.states.map((state) => state.remaining)).toEqual([0, 2_898, 3_798]);
    clock.advance(10);
    // Used an hour ago: the ledger had it. Used just now: it had not.
    await store.settle(settlement('old', periods, 50, { ageMs: 3_600_000 }));
    await store.settle(settlement('new', periods, 7, { ageMs: 5 }));
    const again = (await store.reserve({ ...order, seeds })) as Decision;
    expect(again.states.map((state) => state.remaining)).toEqual([0, 2_891, 3_791]);
  });
});

describe('the memory limit store and leases', () => {
  const subjects = [subject('key:k', { requests_per_minute: 1_000, tokens_per_month: 100_000 })];
  const monthLeft = async ({ ask }: ReturnType<typeof storeWith>, requestId: string) =>
    remaining(
      await ask(requestId, subjects, { promptTokens: 0, outputTokens: 1, tokensOnly: true }),
      'tokens_per_month',
    );

  it('closes a lease that nobody returned by what its requests settled', async () => {
    const all = storeWith();
    expect(await monthLeft(all, 'first')).toBe(99_999);
    await all.store.lease(leaseOrder('l', subjects, 50, 5_000));
    expect(await monthLeft(all, 'a')).toBe(94_998);
    const lease = { id: 'l', reservedTokens: 1_000 };
    await all.store.settle(settlement('r1', subjects, 600, { lease }));
    expect(await monthLeft(all, 'b')).toBe(95_397);
    all.clock.advance(2_000 + 900_000);
    // What the lease never promised is free again; what a request uses that settles only now is charged in full.
    expect(await monthLeft(all, 'c')).toBe(99_396);
    await all.store.settle(settlement('r2', subjects, 300, { lease }));
    expect(await monthLeft(all, 'd')).toBe(99_095);
  });
});

it('counts, when all has settled, in every period exactly what was used', async () => {
  const use = fc.record({
    ask: fc.integer({ min: 1, max: 900 }),
    used: fc.integer({ min: 0, max: 1_200 }),
    leased: fc.boolean(),
  });
  const month = 1_000_000;
  const subjects = [subject('org:org', { tokens_per_month: month, requests_per_day: month })];
  await fc.assert(
    fc.asyncProperty(
      fc.array(use, { maxLength: 30 }),
      fc.infiniteStream(fc.nat({ max: 60_000 })),
      async (uses, waits) => {
        const { store, ask, clock } = storeWith();
        await ask('first', subjects, { promptTokens: 0, outputTokens: 1, tokensOnly: true });
        await store.lease(leaseOrder('l', subjects, 100, 90_000));
        for (const [i, { ask: asked, leased }] of uses.entries()) {
          if (!leased) await ask(`r${i}`, subjects, { promptTokens: 0, outputTokens: asked });
          clock.advance(waits.next().value!);
        }
        const leased = uses.filter((each) => each.leased);
        const tokensPromised = leased.reduce((sum, { ask: promised }) => sum + promised, 0);
        await store.returnLease({ orgId: 'org', leaseId: 'l', requestsUsed: leased.length, tokensPromised });
        for (const [i, { ask: promised, used, leased: under }] of uses.entries()) {
          const lease = under ? { lease: { id: 'l', reservedTokens: promised } } : {};
          for (let time = 0; time < 2; time += 1) await store.settle(settlement(`r${i}`, subjects, used, lease));
        }
        const last = await ask('last', subjects, { promptTokens: 0, outputTokens: 1, tokensOnly: true });
        const total = uses.reduce((sum, { used }) => sum + used, 0);
        expect(remaining(last, 'tokens_per_month')).toBe(month - total - 2);
        expect(remaining(last, 'requests_per_day')).toBe(month - uses.length);
      },
    ),
    { numRuns: 300 },
  );
});
