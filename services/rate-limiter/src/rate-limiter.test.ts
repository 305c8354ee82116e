import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus, usageRecorded, type Bus } from '@flotilla/bus';
import { limits } from '@flotilla/contracts';
import { FlotillaError, type Service } from '@flotilla/kernel';
import { createMemoryNetwork, type Client, type RpcNetwork } from '@flotilla/rpc';
import { createFakeClock, until } from '@flotilla/testkit';
import { rateLimiterDefaults } from './config.ts';
import { readRateLimiterConfig } from './host-target.ts';
import type { Ledger, LedgerSubject, PeriodUsage } from './ledger/ledger.ts';
import { createRateLimiter } from './rate-limiter.ts';

const caller = (requestId: string, overrides = {}) => ({
  ...{ requestId, orgId: 'org', userId: 'ann', keyId: 'k1', tier: 'pro', models: [] },
  ...overrides,
});
const { ReserveRequest, Subject } = limits;
const key = Subject.fromPartial({ kind: 'key', id: 'k1', requestsPerMinute: 10, tokensPerMinute: 1_000 });
const org = Subject.fromPartial({ kind: 'org', id: 'org', tokensPerMonth: 50_000, budgetMicrosPerMonth: 9_000 });
const user = Subject.fromPartial({ kind: 'user', id: 'org/ann', requestsPerDay: 5 });

describe('the configuration', () => {
  it('takes the platform’s Redis unless the limiter has its own', () => {
    const shared = { FLOTILLA_REDIS_URL: 'redis://shared' };
    expect(readRateLimiterConfig({}).redisUrl).toBeUndefined();
    expect(readRateLimiterConfig(shared).redisUrl).toBe('redis://shared');
    const own = { ...shared, FLOTILLA_RATE_LIMITER_REDIS_URL: 'redis://own' };
    expect(readRateLimiterConfig(own).redisUrl).toBe('redis://own');
  });
});

describe('the rate limiter', () => {
  let rpc: RpcNetwork;
  let bus: Bus;
  let service: Service;
  let client: Client<typeof limits.LimitsDefinition>;
  let clock: ReturnType<typeof createFakeClock>;
  let ledger: FakeLedger;

  beforeEach(async () => {
    rpc = createMemoryNetwork();
    bus = createMemoryBus();
    clock = createFakeClock();
    ledger = new FakeLedger();
    service = createRateLimiter(rateLimiterDefaults, { rpc, bus, clock, ledger });
    await service.start();
    await rpc.listen();
    client = rpc.client(limits.LimitsDefinition);
  });
  afterEach(async () => {
    await service.stop();
    await bus.close();
    await rpc.close();
  });

  const reserve = (requestId: string, overrides: Partial<limits.ReserveRequest> = {}) => {
    const asked = { caller: caller(requestId), promptTokens: 100, defaultOutputTokens: 50, subjects: [key] };
    return client.reserve({ ...ReserveRequest.fromPartial(asked), ...overrides });
  };
  const settle = (requestId: string, usage: ReturnType<typeof usageOf>, lease = { leaseId: '', reservedTokens: 0 }) =>
    client.settle({ caller: caller(requestId), usage, costMicros: 0, ...lease });
  const tokensLeft = async () => (await reserve('probe', { outputTokens: 900_000 })).limits[1]!.remaining;
  const usageOf = (promptTokens: number, completionTokens: number) => ({
    ...{ promptTokens, completionTokens, cachedTokens: 0, estimated: false },
  });

  it('is ready, and answers a reserve with the grant and the states for headers', async () => {
    expect(await service.ready()).toBe(true);
    expect(await reserve('r1')).toEqual({
      allowed: true,
      grantedOutputTokens: 50,
      limits: [
        { name: 'requests_per_minute', limit: 10, remaining: 9, resetMs: 6_000, windowMs: 60_000, scope: 'key' },
        { name: 'tokens_per_minute', limit: 1_000, remaining: 850, resetMs: 9_000, windowMs: 60_000, scope: 'key' },
      ],
      refusedBy: '',
      refusedScope: '',
      retryAfterMs: 0,
    });
  });

  it('names the limit that refuses and whose it is', async () => {
    const refused = await reserve('r1', { subjects: [key, org], promptTokens: 10, outputTokens: 60_000 });
    expect(refused).toMatchObject({ allowed: false, refusedBy: 'tokens_per_minute', refusedScope: 'key' });
    const dear = { price: { input: 1, output: 100 }, subjects: [key, org], outputTokens: 90 };
    expect(await reserve('r2', dear)).toMatchObject({ refusedBy: 'budget_micros_per_month', refusedScope: 'org' });
  });

  it('counts nothing for a request without subjects', async () => {
    expect(await reserve('r1', { subjects: [] })).toMatchObject({ allowed: true, grantedOutputTokens: 50, limits: [] });
    expect(await reserve('r2', { subjects: [], outputTokens: 7 })).toMatchObject({ grantedOutputTokens: 7 });
  });

  it('settles by call and by event, whichever comes first, once', async () => {
    await reserve('r1', { outputTokens: 500 });
    const usage = usageOf(100, 20);
    expect(await settle('r1', usage)).toEqual({ settled: true });
    expect(await tokensLeft()).toBe(880);
    expect(await settle('r1', usage)).toEqual({ settled: false });
    await recorded('r1', 100, 20);
    expect(await tokensLeft()).toBe(880);

    await reserve('r2', { outputTokens: 500 });
    await recorded('r2', 100, 30);
    await becomes(750);
    expect(await settle('r2', usage)).toEqual({ settled: false });
    expect(await tokensLeft()).toBe(750);
  });

  it('charges a usage event of the past only what has not leaked', async () => {
    await reserve('r0', { promptTokens: 0, outputTokens: 1 });
    await recorded('r1', 100, 299, { at: clock.now() - 12_000 });
    await becomes(800);
  });

  it('drops a usage event that names nobody and goes on with the next', async () => {
    await reserve('r0', { promptTokens: 0, outputTokens: 1 });
    const nobody = { ...record('r0', 1, 1), caller: undefined };
    await bus.publish(usageRecorded, { records: [nobody, record('r1', 100, 200)] });
    await becomes(699);
  });

  it('leases, settles what was leased by its events, and takes back the rest', async () => {
    const lease = { leaseId: 'l1', orgId: 'org', subjects: [key], requests: 5, tokens: 5_000, ttlMs: 2_000 };
    expect(await client.lease(lease)).toMatchObject({ requests: 1, tokens: 100, limits: [{}, { remaining: 900 }] });
    await recorded('r1', 20, 20, { leaseId: 'l1', reservedTokens: 70 });
    await becomes(930);
    const back = { leaseId: 'l1', orgId: 'org', requestsUsed: 1, tokensPromised: 70 };
    expect(await client.returnLease(back)).toEqual({ returned: true });
    expect(await client.returnLease(back)).toEqual({ returned: false });
    expect(await tokensLeft()).toBe(960);
  });

  it('gives back by call what a lease promised to a request that used nothing, once', async () => {
    const lease = { leaseId: 'l1', orgId: 'org', subjects: [key], requests: 5, tokens: 5_000, ttlMs: 2_000 };
    expect(await client.lease(lease)).toMatchObject({ tokens: 100 });
    await client.returnLease({ leaseId: 'l1', orgId: 'org', requestsUsed: 1, tokensPromised: 70 });
    expect(await settle('r1', usageOf(0, 0), { leaseId: 'l1', reservedTokens: 70 })).toEqual({ settled: true });
    await recorded('r1', 0, 0, { leaseId: 'l1', reservedTokens: 70 });
    expect(await tokensLeft()).toBe(1_000);
  });

  it('begins periods with what the ledger has, by the ids that the ledger knows', async () => {
    ledger.periods = { dayRequests: 4, weekTokens: 0, monthTokens: 49_000, monthCostMicros: 0.5 };
    const first = await reserve('r1', { subjects: [user, org], promptTokens: 100, outputTokens: 100 });
    expect(first.limits.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['requests_per_day', 0],
      ['tokens_per_month', 800],
      ['budget_micros_per_month', 8_999],
    ]);
    expect(ledger.asked).toEqual([['user:ann', 'org:org']]);
    expect(await reserve('r2', { subjects: [user, org] })).toMatchObject({
      ...{ allowed: false, refusedBy: 'requests_per_day', refusedScope: 'user' },
    });
    expect(ledger.asked).toHaveLength(1);
  });

  it('begins periods with nothing when the ledger does not answer', async () => {
    ledger.fails = true;
    const first = await reserve('r1', { subjects: [org], outputTokens: 100 });
    expect(first).toMatchObject({ allowed: true, limits: [{ remaining: 49_800 }, {}] });
  });

  it('lets the ledger answer what was used', async () => {
    expect(await client.getUsage(limits.GetUsageRequest.fromPartial({ orgId: 'org' }))).toMatchObject({
      sums: [{ requests: 7 }],
      truncated: false,
    });
  });

  it.each([
    ['no caller', { caller: undefined }],
    ['no organisation', { caller: caller('r1', { orgId: '' }) }],
    ['no request', { caller: caller('') }],
    ['a subject twice', { subjects: [key, key] }],
    ['a subject without an id', { subjects: [Subject.fromPartial({ kind: 'key' })] }],
    ['a negative limit', { subjects: [{ ...key, tokensPerMonth: -1 }] }],
    ['a limit that is no number', { subjects: [{ ...key, tokensPerMonth: NaN }] }],
    ['a negative price', { price: { input: -1, output: 0 } }],
  ])('refuses a reserve with %s', async (_name, overrides) => {
    await expect(reserve('r1', overrides)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('answers nobody any more when it was stopped', async () => {
    await service.stop();
    await expect(reserve('r1')).rejects.toMatchObject({ code: 'unavailable' });
  });

  function record(requestId: string, promptTokens: number, completionTokens: number, overrides = {}) {
    return {
      caller: caller(requestId),
      ...{ model: 'm', provider: 'p', outcome: 'completed', at: clock.now(), operation: 'chat' },
      ...{ costMicros: 0, reservedTokens: 0, leaseId: '' },
      usage: usageOf(promptTokens, completionTokens),
      ...overrides,
    };
  }

  function recorded(...used: Parameters<typeof record>) {
    return bus.publish(usageRecorded, { records: [record(...used)] });
  }

  async function becomes(left: number) {
    await until(async () => (await tokensLeft()) === left, { what: `${left} tokens left` });
  }
});

class FakeLedger implements Ledger {
  periods: PeriodUsage = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };
  fails = false;
  readonly asked: string[][] = [];

  async record(): Promise<void> {}

  async usage(): Promise<limits.GetUsageResponse> {
    const sum = { ...{ day: '', model: '', keyId: '', userId: '', requests: 7, promptTokens: 0 }, completionTokens: 0 };
    return { sums: [{ ...sum, cachedTokens: 0, costMicros: 0 }], truncated: false };
  }

  async used(_orgId: string, subjects: readonly LedgerSubject[]): Promise<PeriodUsage[]> {
    this.asked.push(subjects.map(({ kind, id }) => `${kind}:${id}`));
    if (this.fails) throw new FlotillaError('unavailable');
    return subjects.map(() => this.periods);
  }
}
