import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { router } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import { prometheusText } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { engine, startRouter, textOf, valueOf, type Started } from '../router.fixture.ts';

let database: Database;
let sim: EngineSim;
let service: Started;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  sim = await startEngineSim({ answerTokens: 20 });
});
beforeEach(async () => {
  service = await startRouter({
    database,
    engines: [engine('sim', `${sim.url}/v1`, [sim.model, sim.embeddingModel])],
    file: { cache: { allow: ['semantic'], semantic: { embedding_model: sim.embeddingModel } } },
    // The machine of the tests is slow; how long is too long is tested with a clock that stands still.
    config: { cacheExactTimeoutMs: 5_000, cacheSemanticTimeoutMs: 5_000 },
  });
  // The database is looked for while all else goes on.
  await until(() => purge().catch(() => undefined));
});
afterEach(() => service.stop());
afterAll(async () => {
  await sim.stop();
  await database.close();
});

const purge = async (orgId = '') => service.registry.purgeCache(router.PurgeCacheRequest.fromPartial({ orgId }));
const ask = async (content: string, more: Partial<router.GenerateRequest> = {}) => {
  const events = await service.generate({
    ...{ model: sim.model, maxTokens: 400, cache: 'semantic', messages: [{ role: 'user', content }] as never },
    caller: { requestId: 'req_1', orgId: 'acme' } as never,
    ...more,
  });
  const { routing } = valueOf(events, 'answerer')!;
  return { cache: routing!.cache, text: textOf(events), usage: valueOf(events, 'finished')!.usage! };
};
const kept = () =>
  until(async () => (await database.query('select 1 from router.answers where scope is not null', [])).length > 0);

describe('answers of a router with a cache', () => {
  it('come again, to the same and to like questions, for no tokens; not to those that only look alike', async () => {
    const first = await ask('What is the return policy for 2 damaged lamps?');
    await kept();
    expect(first.cache).toBe('miss');
    const free = { promptTokens: 0, completionTokens: 0, estimated: false };
    expect(await ask('What is the return policy for 2 damaged lamps?', { stream: false })).toMatchObject({
      ...{ cache: 'exact', text: first.text, usage: free },
    });
    const like = await ask('what is your return policy for 2 damaged lamps');
    expect(like).toMatchObject({ cache: 'semantic', text: first.text, usage: free });
    expect((await ask('What is the return policy for 3 damaged lamps?')).cache).toBe('miss');
    expect(prometheusText()).toMatch(
      /flotilla_router_cache_saved_tokens_total\{[^}]*kind="semantic"[^}]*type="output"[^}]*\} [1-9]/,
    );
    expect(prometheusText()).toMatch(
      /flotilla_router_cache_lookups_total\{[^}]*kind="exact"[^}]*outcome="hit"[^}]*\} [1-9]/,
    );
  });

  it('are gone after a purge by its RPC', async () => {
    await ask('Where is the office?');
    await kept();
    expect(await purge('rival')).toEqual({ deleted: 0 });
    expect((await purge('acme')).deleted).toBeGreaterThan(0);
    expect((await ask('Where is the office?')).cache).toBe('miss');
  });

  it('are asked for anew by a word that is none: refused, with what there is', async () => {
    await expect(ask('hello', { cache: 'yes' })).rejects.toMatchObject({
      ...{ code: 'invalid_request', details: { param: 'cache' } },
    });
  });
});
