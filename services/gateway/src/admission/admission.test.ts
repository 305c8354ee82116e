import { beforeEach, describe, expect, it } from '@jest/globals';
import { chat, type limits } from '@flotilla/contracts';
import { FlotillaError, liveValue, parsePlatformFile, systemRandom } from '@flotilla/kernel';
import { createFakeClock, type FakeClock } from '@flotilla/testkit';
import type { Identity, Plan } from '../access/identity.ts';
import type { ChatBody } from '../chat/chat-body.ts';
import { Admission } from './admission.ts';
import type { Asker } from './grant.ts';
import { LimitReached } from './limit-reached.ts';
import { keySubject } from './subject.fixture.ts';

const subjects = [keySubject({ requestsPerMinute: 60, tokensPerMinute: 1_000 })];
const file = liveValue(
  parsePlatformFile('models: [{ name: m, targets: [{ provider: p }], price: { input: 1, output: 2 } }]'),
);
const state = { name: 'tokens_per_minute', limit: 1_000, remaining: 2, resetMs: 9_000, windowMs: 60_000, scope: 'key' };
const answer = (fields: Partial<limits.ReserveResponse> = {}): limits.ReserveResponse => ({
  ...{ allowed: true, grantedOutputTokens: 100, limits: [state] },
  ...{ refusedBy: '', refusedScope: '', retryAfterMs: 0, ...fields },
});

let clock: FakeClock;
let admission: Admission;
let reserves: limits.ReserveRequest[];
let settles: limits.SettleRequest[];
let returns = 0;
let reserve: (request: limits.ReserveRequest, signal: AbortSignal | undefined) => Promise<limits.ReserveResponse>;

beforeEach(() => {
  clock = createFakeClock();
  reserves = [];
  settles = [];
  reserve = async () => answer();
  const limiter = {
    reserve(request: limits.ReserveRequest, options?: { signal?: AbortSignal }) {
      reserves.push(request);
      return reserve(request, options?.signal);
    },
    async settle(request: limits.SettleRequest) {
      settles.push(request);
      return { settled: true };
    },
    lease: async ({ requests, tokens }: limits.LeaseRequest) => ({ requests, tokens, limits: [state] }),
    async returnLease() {
      returns += 1;
      throw new FlotillaError('unavailable');
    },
    getUsage: async () => ({ sums: [], truncated: false }),
  };
  const random = systemRandom;
  admission = new Admission({
    ...{ limiter, file, clock, random, timeoutMs: 50, holdMs: 600_000, leaseTtlMs: 2_000, leaseRequests: 100 },
  });
});

function asker(plan: Partial<Plan> = {}, signal = new AbortController().signal): Asker {
  const caller = { requestId: 'req_1', orgId: 'o', userId: '', keyId: 'key_1', tier: 't', models: [] };
  const whole: Plan = { subjects, mode: 'strict', defaultMaxTokens: 77, priority: 'interactive', ...plan };
  const identity: Identity = { ...caller, scopes: new Set(['inference']), models: undefined, plan: whole };
  return { caller, identity, signal };
}

function body(fields: Partial<ChatBody> = {}): ChatBody {
  return {
    ...{ model: 'm', messages: [chat.Message.fromPartial({ role: 'user', content: 'x'.repeat(400) })] },
    ...{ mediaParts: 0, parametersJson: '{}', maxTokens: undefined, choices: 1, stream: false, includeUsage: false },
    ...{ conversationId: '', retrieval: undefined, ...fields },
  };
}

const refused = async (granted: unknown) => {
  const error = await Promise.resolve(granted).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LimitReached);
  return error as LimitReached;
};

describe('admission in strict mode', () => {
  it('reserves an upper bound of the prompt, with price, default and time', async () => {
    const grant = await admission.admit(asker(), body());
    expect(reserves).toMatchObject([
      {
        ...{ subjects, outputTokens: 0, defaultOutputTokens: 77, price: { input: 1, output: 2 }, holdMs: 600_000 },
        caller: { requestId: 'req_1' },
      },
    ]);
    const { promptTokens } = reserves[0]!;
    expect(promptTokens).toBeGreaterThanOrEqual(400);
    expect(grant).toEqual({
      ...{ maxTokens: 100, reservedTokens: promptTokens + 100, leaseId: '', strictSubjects: subjects, limits: [state] },
    });
  });

  it('parts the grant among the choices, and never gives one more than was asked', async () => {
    expect(await admission.admit(asker(), body({ maxTokens: 60, choices: 3 }))).toMatchObject({ maxTokens: 33 });
    expect(reserves[0]).toMatchObject({ outputTokens: 180, defaultOutputTokens: 231 });
    expect(await admission.admit(asker(), body({ maxTokens: 7 }))).toMatchObject({ maxTokens: 7 });
  });

  it('refuses, and gives back, what leaves less than a token for each choice', async () => {
    reserve = async () => answer({ grantedOutputTokens: 2 });
    const error = await refused(admission.admit(asker(), body({ choices: 3 })));
    expect(error.details.retryAfterMs).toBe(9_000);
    expect(settles).toHaveLength(1);
  });

  it.each([
    [
      'tokens_per_minute',
      12_340,
      /limit of 1000 tokens per minute \(2 left\) for this API key.* about \d+\. .* in 13 s/,
    ],
    ['tokens_per_minute', 0, /can never pass/],
    ['tokens_per_week', 400_000_000, /tokens per week for this API key .* in 5 days/],
    ['budget_micros_per_month', 7_000_000, /USD per month .* in 1 h 57 min/],
  ])('says that %s was reached, and when it frees', async (refusedBy, retryAfterMs, message) => {
    reserve = async () => answer({ allowed: false, refusedBy, refusedScope: 'key', retryAfterMs });
    const error = await refused(admission.admit(asker(), body()));
    expect(error).toMatchObject({
      code: 'rate_limit_exceeded',
      limits: [state],
      message: expect.stringMatching(message),
    });
  });

  it('gives back what a client that left may have been granted', async () => {
    const leaving = new AbortController();
    reserve = (_, signal) =>
      new Promise((_resolve, reject) =>
        signal!.addEventListener('abort', () => reject(new FlotillaError('cancelled'))),
      );
    const admitted = admission.admit(asker({}, leaving.signal), body());
    leaving.abort();
    await expect(admitted).rejects.toMatchObject({ code: 'cancelled' });
    expect(settles).toMatchObject([{ caller: { requestId: 'req_1' }, usage: { promptTokens: 0 }, costMicros: 0 }]);
  });

  it('gives back what a request was granted that could not be served, but not what may have been used', async () => {
    const grant = await admission.admit(asker(), body());
    for (const code of ['engine_error', 'cancelled', 'deadline_exceeded', 'internal'] as const) {
      admission.failed(asker(), grant, new FlotillaError(code));
    }
    expect(settles).toEqual([]);
    admission.failed(asker(), grant, new FlotillaError('model_not_found'));
    expect(settles).toHaveLength(1);
  });

  it('lets the usage event of a call that broke off come first, and gives back what never arrived', async () => {
    const grant = await admission.admit(asker(), body());
    admission.failed(asker(), grant, new FlotillaError('unavailable'));
    await clock.advanceAsync(9_999);
    expect(settles).toEqual([]);
    await clock.advanceAsync(1);
    expect(settles).toHaveLength(1);
  });

  it('asks for inputs without an answer', async () => {
    reserve = async () => answer({ grantedOutputTokens: 0 });
    const grant = await admission.admitInputs(asker(), 'm', ['some text', 'more']);
    expect(reserves).toMatchObject([{ promptTokens: 17, outputTokens: 0, defaultOutputTokens: 0 }]);
    expect(grant).toMatchObject({ maxTokens: 0, reservedTokens: 17 });
  });
});

it('knocks at the limiter when it starts, and does not mind its absence', async () => {
  const before = returns;
  await admission.start();
  expect(returns).toBe(before + 1);
});

it('asks nobody where nothing is limited', () => {
  const grant = admission.admit(asker({ subjects: [keySubject({})] }), body());
  expect(grant).toMatchObject({ maxTokens: 77, reservedTokens: 0, leaseId: '' });
  expect(reserves).toEqual([]);
});

describe('admission in lease mode', () => {
  it('asks the limiter once, with a guess, and then decides at once by the lease', async () => {
    const leasing = asker({ mode: 'lease' });
    expect(await admission.admit(leasing, body())).toMatchObject({ leaseId: '', strictSubjects: [] });
    expect(reserves[0]!.promptTokens).toBe(104);
    await clock.advanceAsync(0);
    const grant = admission.admit(leasing, body());
    expect(grant).toMatchObject({ leaseId: expect.stringMatching(/^lease_/), maxTokens: 77, reservedTokens: 181 });
    expect(reserves).toHaveLength(1);
  });

  it('gives back to the lease what a request was promised that used nothing', async () => {
    const leasing = asker({ mode: 'lease' });
    await admission.admit(leasing, body());
    await clock.advanceAsync(0);
    const grant = await admission.admit(leasing, body());
    admission.failed(leasing, grant, new FlotillaError('engine_unavailable'));
    const { leaseId, reservedTokens } = grant;
    expect(settles).toMatchObject([{ usage: { promptTokens: 0 }, leaseId, reservedTokens }]);
  });

  it('asks the limiter for each where a budget is limited', async () => {
    const limited = asker({ mode: 'lease', subjects: [keySubject({ budgetMicrosPerMonth: 9 })] });
    for (let request = 0; request < 3; request += 1) {
      await admission.admit(limited, body());
      await clock.advanceAsync(0);
    }
    expect(reserves).toHaveLength(3);
  });
});

describe('admission without the limiter', () => {
  beforeEach(() => {
    reserve = async () => Promise.reject(new FlotillaError('unavailable'));
  });

  it('lets requests pass within twice their limits per minute, and refuses a flood', async () => {
    const one = asker({ subjects: [keySubject({ requestsPerMinute: 5 })] });
    for (let request = 0; request < 10; request += 1) {
      expect(await admission.admit(one, body())).toEqual({
        ...{ maxTokens: 77, reservedTokens: 0, leaseId: '', strictSubjects: [], limits: [] },
      });
    }
    const error = await refused(admission.admit(one, body()));
    expect(error.message).toMatch(/limit of 5 requests per minute/);
  });

  it('stops asking after three failures, tries again after a while, and goes on asking when it answers', async () => {
    const free = asker({ subjects: [keySubject({ tokensPerMonth: 1 })] });
    for (let request = 0; request < 10; request += 1) await admission.admit(free, body());
    expect(reserves).toHaveLength(3);
    await clock.advanceAsync(250);
    reserve = async () => answer();
    expect(await admission.admit(free, body())).toMatchObject({ maxTokens: 100 });
    expect(await admission.admit(free, body())).toMatchObject({ maxTokens: 100 });
    expect(reserves).toHaveLength(5);
  });
});
