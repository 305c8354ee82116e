import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus, usageRecorded, type Bus } from '@flotilla/bus';
import { limits } from '@flotilla/contracts';
import { liveValue, parsePlatformFile, type PlatformFile, type Service } from '@flotilla/kernel';
import { createMemoryNetwork, type Client, type RpcNetwork } from '@flotilla/rpc';
import { createFakeClock, until } from '@flotilla/testkit';
import { rateLimiterDefaults } from './config.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { readRateLimiterConfig } from './host-target.ts';

const file = (tokens: number) =>
  parsePlatformFile(
    `tiers: { pro: { requests_per_minute: 10, tokens_per_minute: ${tokens}, default_max_tokens: 50 } }`,
  );
const caller = (requestId: string, overrides = {}) => ({
  ...{ requestId, orgId: 'org', userId: '', keyId: 'key', tier: 'pro' },
  ...overrides,
});

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
  let live: ReturnType<typeof liveValue<PlatformFile>>;
  let clock: ReturnType<typeof createFakeClock>;

  beforeEach(async () => {
    rpc = createMemoryNetwork();
    bus = createMemoryBus();
    live = liveValue(file(1_000));
    clock = createFakeClock();
    service = createRateLimiter(rateLimiterDefaults, { rpc, bus, file: live, clock });
    await service.start();
    await rpc.listen();
    client = rpc.client(limits.LimitsDefinition);
  });
  afterEach(async () => {
    await service.stop();
    await bus.close();
    await rpc.close();
  });

  const reserve = (requestId: string, outputTokens = 0, overrides = {}) =>
    client.reserve({ caller: caller(requestId, overrides), promptTokens: 100, outputTokens });
  const tokensLeft = async () => (await reserve('probe', 900_000)).limits[1]!.remaining;
  const usageOf = (promptTokens: number, completionTokens: number) => ({
    ...{ promptTokens, completionTokens, cachedTokens: 0, estimated: false },
  });

  it('is ready, and answers a reserve with the grant and the states for headers', async () => {
    expect(await service.ready()).toBe(true);
    expect(await reserve('r1')).toEqual({
      allowed: true,
      grantedOutputTokens: 50,
      limits: [
        { name: 'requests_per_minute', limit: 10, remaining: 9, resetMs: 6_000, windowMs: 60_000 },
        { name: 'tokens_per_minute', limit: 1_000, remaining: 850, resetMs: 9_000, windowMs: 60_000 },
      ],
      refusedBy: '',
      retryAfterMs: 0,
    });
  });

  it('settles by call and by event, whichever comes first, once', async () => {
    await reserve('r1', 500);
    const usage = usageOf(100, 20);
    expect(await client.settle({ caller: caller('r1'), usage })).toEqual({ settled: true });
    expect(await tokensLeft()).toBe(880);
    expect(await client.settle({ caller: caller('r1'), usage })).toEqual({ settled: false });
    await recorded('r1', 100, 20);
    expect(await tokensLeft()).toBe(880);

    await reserve('r2', 500);
    await recorded('r2', 100, 30);
    await becomes(750);
    expect(await client.settle({ caller: caller('r2'), usage })).toEqual({ settled: false });
    expect(await tokensLeft()).toBe(750);
  });

  it('charges a usage event of the past only what has not leaked', async () => {
    await recorded('r1', 100, 300, clock.now() - 12_000);
    await becomes(800);
  });

  it('drops a usage event that names nobody and goes on with the next', async () => {
    const nobody = { ...record('r0', 1, 1, 0), caller: undefined };
    await bus.publish(usageRecorded, { records: [nobody, record('r1', 100, 200)] });
    await becomes(700);
    await recorded('r2', 100, 0);
    await becomes(600);
  });

  it('follows the tiers of the file as they change', async () => {
    expect((await reserve('r1', 100)).allowed).toBe(true);
    live.set(file(250));
    expect(await reserve('r2', 100)).toMatchObject({ allowed: false, refusedBy: 'tokens_per_minute' });
  });

  it('gives a tier that the file does not name the generous default', async () => {
    const { limits: states } = await reserve('r1', 10, { keyId: 'other', tier: 'dev' });
    expect(states.map(({ limit }) => limit)).toEqual([600, 1_000_000]);
  });

  it('counts a caller without a key as its organisation, and refuses one without either', async () => {
    expect((await reserve('r1', 10, { keyId: '' })).allowed).toBe(true);
    await expect(reserve('r2', 10, { keyId: '', orgId: '' })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(reserve('', 10)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(client.reserve({ caller: undefined, promptTokens: 1, outputTokens: 1 })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('answers nobody any more when it was stopped', async () => {
    await service.stop();
    await expect(reserve('r1')).rejects.toMatchObject({ code: 'unavailable' });
  });

  function record(requestId: string, promptTokens: number, completionTokens: number, at = clock.now()) {
    return {
      caller: caller(requestId),
      ...{ model: 'm', provider: 'p', outcome: 'completed', at },
      usage: usageOf(promptTokens, completionTokens),
    };
  }

  function recorded(...used: Parameters<typeof record>) {
    return bus.publish(usageRecorded, { records: [record(...used)] });
  }

  async function becomes(left: number) {
    await until(async () => (await tokensLeft()) === left, { what: `${left} tokens left` });
  }
});
