import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import { createFakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { bothSums, prepareLedger, prismaSchema, record, type Record } from './ledger.fixture.ts';
import { PostgresLedger } from './ledger.postgres.ts';
import { LedgerRetention } from './retention.ts';

const day = Date.UTC(2026, 10, 20);
const DAY_MS = 86_400_000;

let database: Database;
const clock = createFakeClock(Date.UTC(2026, 10, 21, 15));
let ledger: PostgresLedger;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
beforeEach(async () => {
  await prepareLedger(database);
  ledger = new PostgresLedger({ database, clock, timeoutMs: 5_000 });
});
afterAll(() => database.close());

const rows = () => database.query<{ [column: string]: unknown }>('select * from limits.quota_log order by request_id');

describe('the ledger', () => {
  it('has the tables that the Prisma schema says', async () => {
    await expectPrismaAgrees(database, { schema: 'limits', prismaSchema });
  });

  it('keeps what a request used, the first time it is told', async () => {
    await ledger.record([record('r1', { costMicros: 0.1, operation: 'embedding' })]);
    await ledger.record([record('r1', { costMicros: 7, usage: { promptTokens: 999 } })]);
    const one = {
      ...{ org_id: 'org-a', request_id: 'r1', user_id: 'user', key_id: 'key', tier: 'pro', model: 'm', provider: 'p' },
      ...{ operation: 'embedding', outcome: 'completed', estimated: false, reserved_tokens: 100 },
      ...{ prompt_tokens: 10, completion_tokens: 5, cached_tokens: 2, cost_micros: '0.100000' },
    };
    expect(await rows()).toMatchObject([one]);
  });

  it('takes a request id of two organisations as two requests', async () => {
    await ledger.record([record('r1'), record('r1', { caller: { orgId: 'org-b' } })]);
    expect(await rows()).toHaveLength(2);
  });

  it('has the sums of its requests, whatever comes twice, together or in any order', async () => {
    const anyRecord: fc.Arbitrary<Record> = fc
      .record({
        ...{ request: fc.nat(30), org: fc.constantFrom('a', 'b'), user: fc.constantFrom('', 'u') },
        ...{ model: fc.constantFrom('m', 'n'), tokens: fc.nat(2 ** 32 - 1), cost: fc.double({ min: 0, max: 1e9 }) },
        days: fc.nat(3),
      })
      .map(({ request, org, user, model, tokens, cost, days }) =>
        record(`r${request}`, {
          ...{ caller: { orgId: org, userId: user }, usage: { completionTokens: tokens }, costMicros: cost },
          ...{ model, at: day + days * DAY_MS - 1 },
        }),
      );
    const events = fc.array(fc.array(anyRecord, { maxLength: 20 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(events, async (all) => {
        await database.query('truncate limits.quota_log, limits.usage_daily');
        for (const records of [...all, ...all.toReversed()]) await ledger.record(records);
        const { log, daily } = await bothSums(database);
        expect(daily).toEqual(log);
        const first = new Map<string, number>();
        for (const { caller, usage } of all.flat()) {
          const key = `${caller!.orgId} ${caller!.requestId}`;
          if (!first.has(key)) first.set(key, usage!.completionTokens);
        }
        const [sum] = await database.query<{ requests: number; tokens: number }>(
          'select count(*)::int as requests, coalesce(sum(completion_tokens), 0)::float8 as tokens from limits.quota_log',
        );
        expect(sum).toEqual({ requests: first.size, tokens: [...first.values()].reduce((a, b) => a + b, 0) });
      }),
      { numRuns: 25 },
    );
  });

  it('takes every event, whatever stands in it: one that fails for good would block all after it', async () => {
    const odd = '\u0000\ud800' + '界'.repeat(5_000);
    const strange = record('strange', {
      ...{ model: odd, provider: odd, outcome: odd, operation: '', at: NaN, costMicros: Infinity },
      caller: { userId: odd, keyId: odd, tier: odd },
      usage: { promptTokens: 2 ** 32 - 1 },
    });
    const nobody = { ...record('nobody'), caller: undefined };
    const bare = { ...record('bare', { costMicros: NaN, at: 9e15 }), usage: undefined };
    await ledger.record([nobody, strange, bare, record('plain')]);
    expect((await rows()).map((row) => row['request_id'])).toEqual(['bare', 'plain', 'strange']);
    expect((await rows()).map(({ at }) => at)).toEqual(
      [clock.now(), day + DAY_MS / 2, clock.now()].map((at) => new Date(at)),
    );
    const { log, daily } = await bothSums(database);
    expect(daily).toEqual(log);
    await ledger.record([nobody]);
  });

  it('finds long names again, and keeps those apart that begin alike', async () => {
    const long = (end: string) => `${'k'.repeat(400)}${end}`;
    await ledger.record([
      record('r1', { caller: { keyId: long('1') } }),
      record('r2', { caller: { keyId: long('2') } }),
    ]);
    const question = { orgId: 'org-a', userId: '', from: 0, to: 0, groupBy: [] };
    expect((await ledger.usage({ ...question, keyId: long('1') })).sums).toMatchObject([{ requests: 1 }]);
  });

  it('gives up a database that hangs, as unavailable', async () => {
    const hanging = new PostgresLedger({
      database: { query: () => new Promise(() => undefined) },
      clock,
      timeoutMs: 50,
    });
    const refused = expect(hanging.record([record('r1')])).rejects.toMatchObject({ code: 'unavailable' });
    clock.advance(50);
    await refused;
    expect(clock.pending).toBe(0);
  });
});

describe('usage', () => {
  const ask = (question: object = {}) =>
    ledger.usage({ orgId: 'org-a', userId: '', keyId: '', from: 0, to: 0, groupBy: [], ...question });

  beforeEach(() =>
    ledger.record([
      record('r1', { at: day }),
      record('r2', { at: day + DAY_MS - 1, model: 'n' }),
      record('r3', { at: day + DAY_MS, caller: { keyId: 'key-2', userId: '' } }),
      record('r4', { at: day + DAY_MS }),
      record('r5', { caller: { orgId: 'org-b' } }),
    ]),
  );

  it('is one sum unless it is grouped, and nought where nothing was used', async () => {
    const sum = { day: '', model: '', keyId: '', userId: '', requests: 4, promptTokens: 40, completionTokens: 20 };
    expect(await ask()).toEqual({ sums: [{ ...sum, cachedTokens: 8, costMicros: 6 }], truncated: false });
    expect((await ask({ orgId: 'nobody' })).sums).toMatchObject([{ requests: 0, promptTokens: 0, costMicros: 0 }]);
    expect((await ask({ orgId: 'nobody', groupBy: ['day'] })).sums).toEqual([]);
  });

  it('is grouped by any of day, model, key and user, in their order', async () => {
    const by = async (...groupBy: string[]) =>
      (await ask({ groupBy })).sums.map((sum) => [sum.day, sum.model, sum.keyId, sum.userId, sum.requests]);
    expect(await by('day')).toEqual([
      ['2026-11-20', '', '', '', 2],
      ['2026-11-21', '', '', '', 2],
    ]);
    expect(await by('user')).toEqual([
      ['', '', '', '', 1],
      ['', '', '', 'user', 3],
    ]);
    expect(await by('key', 'model')).toEqual([
      ['', 'm', 'key', '', 2],
      ['', 'm', 'key-2', '', 1],
      ['', 'n', 'key', '', 1],
    ]);
    expect(await by('user', 'day', 'key', 'model')).toHaveLength(4);
  });

  it('is that of the days asked for, both included, and of one key or user', async () => {
    const requests = async (question: object) => (await ask(question)).sums[0]?.requests;
    expect(await requests({ from: day + DAY_MS })).toBe(2);
    expect(await requests({ to: day + 3 })).toBe(2);
    expect(await requests({ from: day + DAY_MS, to: day })).toBe(0);
    expect(await requests({ keyId: 'key-2' })).toBe(1);
    expect(await requests({ userId: 'user' })).toBe(3);
    expect(await requests({ userId: `user' or true --` })).toBe(0);
  });

  it('tells of ten thousand sums at most, and that there are more', async () => {
    await database.query(
      `insert into limits.usage_daily select 'org-c', '2026-11-20', 'm', 'k' || n, '', 1, 1, 1, 0, 0 from generate_series(1, 10001) as n`,
    );
    const { sums, truncated } = await ask({ orgId: 'org-c', groupBy: ['key'] });
    expect({ sums: sums.length, truncated }).toEqual({ sums: 10_000, truncated: true });
    expect((await ask({ orgId: 'org-c', groupBy: ['day'] })).truncated).toBe(false);
  });

  it.each([
    { orgId: '' },
    { groupBy: ['day', 'tier'] },
    { groupBy: ['toString'] },
    { from: NaN },
    { from: -1 },
    { to: 1e300 },
  ])('refuses a question without an answer: %j', async (question) => {
    await expect(ask(question)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('what subjects used in the periods of now', () => {
  // 2026-11-21 is a Saturday: its week began on Monday the 16th.
  const at = (date: number) => Date.UTC(2026, 10, date, 1);
  const of = (dayRequests: number, weekTokens: number, monthTokens: number, monthCostMicros: number) => ({
    ...{ dayRequests, weekTokens, monthTokens, monthCostMicros },
  });

  it('is the requests of the day, the tokens of the ISO week and the month, and the cost of the month', async () => {
    await ledger.record([
      record('r1', { at: at(21) }),
      record('r2', { at: at(16), caller: { keyId: 'key-2' } }),
      record('r3', { at: at(15) }),
      record('r4', { at: at(1), caller: { userId: 'other' } }),
      record('r5', { at: at(0) }),
      record('r6', { at: at(21), caller: { orgId: 'org-b' } }),
    ]);
    const subjects = [
      { kind: 'org', id: 'org-a' },
      { kind: 'key', id: 'key' },
      { kind: 'user', id: 'user' },
      { kind: 'key', id: 'key-2' },
      { kind: 'key', id: 'nobody' },
      { kind: 'team', id: 'key' },
    ];
    const used = [
      of(1, 30, 60, 6),
      of(1, 15, 45, 4.5),
      of(1, 30, 45, 4.5),
      of(0, 15, 15, 1.5),
      of(0, 0, 0, 0),
      of(0, 0, 0, 0),
    ];
    expect(await ledger.used('org-a', subjects)).toEqual(used);
  });

  it('is the whole week also when it began in the month before', async () => {
    const first = createFakeClock(Date.UTC(2026, 9, 1, 3));
    const then = new PostgresLedger({ database, clock: first, timeoutMs: 5_000 });
    await then.record([record('r1', { at: Date.UTC(2026, 8, 29) }), record('r2', { at: first.now() })]);
    expect(await then.used('org-a', [{ kind: 'org', id: 'org-a' }])).toEqual([of(1, 30, 15, 1.5)]);
  });
});

describe('the retention of the quota log', () => {
  it('lets go of rows past their age, of all when they are many, and of no sum', async () => {
    await database.query(
      `insert into limits.quota_log select 'org-a', 'old-' || n, '', '', '', 'm', 'p', 'chat', 1, 1, 0, false, 0, 0, 'completed',
         to_timestamp($1::float8 / 1000) from generate_series(1, 2500) as n`,
      [clock.now() - 10 * DAY_MS - 1],
    );
    await ledger.record([record('young', { at: clock.now() - 10 * DAY_MS + 1 })]);
    await new LedgerRetention({ database, clock, days: 10 }).sweep();
    expect((await rows()).map((row) => row['request_id'])).toEqual(['young']);
    expect(await database.query('select 1 from limits.usage_daily')).toHaveLength(1);
  });
});
