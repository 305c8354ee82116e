import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { never, startPlatform, type Neighbours, type Platform } from './platform.fixture.ts';

let database: Database;
let platform: Platform;
let reserves: limits.ReserveRequest[];
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());
afterEach(() => platform.stop());

const strictSubjects = [limits.Subject.fromPartial({ kind: 'key', id: 'key', tokensPerMinute: 1_000 })];
const text = 'Passages are long. '.repeat(20);
const retrieve: Neighbours['retrieve'] = async () => ({
  vectorsUsed: true,
  passages: [{ number: 1, storeId: 's', documentId: 'd', chunk: 0, score: 1, filename: 'a.txt', text }],
});
const yaml = 'models: [{ name: m, targets: [{ provider: p }], price: { input: 1, output: 10 } }]';

async function start(answer: Partial<limits.ReserveResponse> = {}, neighbours: Partial<Neighbours> = {}) {
  reserves = [];
  const reserve: Neighbours['reserve'] = async (request) => {
    reserves.push(request);
    return limits.ReserveResponse.fromPartial({ allowed: true, ...answer });
  };
  platform = await startPlatform(database, { reserve, retrieve, ...neighbours }, { yaml });
}
const withDocuments = (fields: object = {}) => platform.request({ strictSubjects, retrieval: {}, ...fields });

describe('in strict mode', () => {
  it('what documents add is reserved before the engine is asked, and freed after the request was settled', async () => {
    await start();
    const request = withDocuments();
    const { usage, error } = await platform.chat(request);
    expect(error).toBeUndefined();
    const requestId = `${request.caller!.requestId}/context`;
    expect(reserves).toMatchObject([
      { caller: { requestId, orgId: 'org-a' }, subjects: strictSubjects, price: { input: 1 }, tokensOnly: true },
    ]);
    expect(reserves[0]).toMatchObject({ outputTokens: 0, defaultOutputTokens: 0 });
    expect(reserves[0]!.promptTokens).toBeGreaterThan(Buffer.byteLength(text));
    expect(await platform.recordedUsage(request)).toMatchObject([{ cost_micros: 30, operation: 'chat' }]);
    await until(() => platform.settles.length === 2);
    expect(platform.settles).toMatchObject([
      { caller: { requestId: request.caller!.requestId }, usage, costMicros: 30 },
      { caller: { requestId }, usage: { promptTokens: 0, completionTokens: 0 }, costMicros: 0 },
    ]);
  });

  it('what history adds is reserved too, and what the client sent is not reserved twice', async () => {
    await start();
    const say = (content: string) =>
      platform.chat(
        platform.request({ strictSubjects, conversationId: 'strict', messages: [{ role: 'user', content }] }),
      );
    await say('one '.repeat(100));
    expect(reserves).toEqual([]);
    await say('two '.repeat(1_000));
    expect(reserves).toHaveLength(1);
    expect(reserves[0]!.promptTokens).toBeGreaterThanOrEqual(400);
    expect(reserves[0]!.promptTokens).toBeLessThan(1_000);
  });

  it('a prompt that grew past a limit is refused, and no engine is asked', async () => {
    const state = { name: 'tokens_per_minute', scope: 'key', limit: 1_000, remaining: 20 };
    const refusal = { refusedBy: 'tokens_per_minute', refusedScope: 'key', retryAfterMs: 700, limits: [state] };
    await start({ allowed: false, ...refusal } as never);
    const request = withDocuments();
    const { error } = await platform.chat(request);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', details: { retryAfterMs: 700 } });
    expect((error as Error).message).toMatch(/tokens per minute of the key \(1000, 20 left\)/);
    expect(platform.generated).toEqual([]);
    expect(await platform.recordedUsage(request)).toMatchObject([{ prompt_tokens: 0, outcome: 'failed' }]);
  });

  it.each<[string, Neighbours['reserve']]>([
    ['is away', async () => Promise.reject(new FlotillaError('unavailable'))],
    ['does not answer', async (_, context) => never(context)],
  ])('a limiter that %s holds up no answer', async (_, reserve) => {
    await start({}, { reserve });
    expect(await platform.chat(withDocuments())).toMatchObject({ text: 'Hello world', error: undefined });
    expect(platform.settles).toEqual([]);
  });

  it('a client that leaves meanwhile leaves', async () => {
    let asked = () => {};
    const reserved = new Promise<void>((resolve) => (asked = resolve));
    await start({}, { reserve: async (_, context) => (asked(), never(context)) });
    const leaving = new AbortController();
    const request = withDocuments();
    const answer = platform.chat(request, { signal: leaving.signal });
    await reserved;
    leaving.abort();
    expect((await answer).error).toMatchObject({ code: 'cancelled' });
    expect(await platform.recordedUsage(request)).toMatchObject([{ outcome: 'cancelled', prompt_tokens: 0 }]);
  });
});

it('in lease mode nothing is asked', async () => {
  await start();
  await platform.chat(withDocuments({ strictSubjects: [] }));
  expect(reserves).toEqual([]);
});
