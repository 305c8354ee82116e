import { afterEach, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { enginesChanged } from '@flotilla/bus';
import { fleet, router } from '@flotilla/contracts';
import { startEngineSim } from '@flotilla/engine-sim';
import { until } from '@flotilla/testkit';
import { answers, sendJson, startFakeEngine, type Script } from './fake-engine.fixture.ts';
import { engine, generateRequest, kinds, startRouter, textOf, valueOf } from './router.fixture.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

const embeds: Script = (response, seen) =>
  sendJson(response, {
    data: seen.body.input.map((text: string, index: number) => ({ index, embedding: [text.length] })),
  });

describe('engines come and go', () => {
  it('an event of the fleet holds at once', async () => {
    const fake = kept(await startFakeEngine(answers('fine')));
    const service = kept(await startRouter());
    await expect(service.generate()).rejects.toMatchObject({ code: 'model_not_found' });
    const one = engine('e', `${fake.url}/v1`, ['m']);
    await service.bus.publish(enginesChanged, { scope: '', engines: [one] });
    await until(async () => textOf(await service.generate()) === 'fine');
    await service.bus.publish(enginesChanged, { scope: '', engines: [{ ...one, state: fleet.EngineState.UNHEALTHY }] });
    await until(
      async () => (await service.client.listModels(router.ListModelsRequest.create())).models[0]?.ready === false,
    );
    await expect(service.generate()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(fake.seen).not.toHaveLength(0);
  });

  it('a fleet that is away changes nothing', async () => {
    const fake = kept(await startFakeEngine(answers('fine')));
    const engines = [engine('e', `${fake.url}/v1`, ['m'])];
    const service = kept(await startRouter({ engines, config: { fleetRefreshMs: 20 } }));
    let asked = 0;
    Object.defineProperty(service, 'engines', {
      get() {
        asked += 1;
        throw new Error('away');
      },
    });
    await until(() => asked >= 2);
    expect(textOf(await service.generate())).toBe('fine');
  });

  it('a model that is configured and has no engine is unavailable, not unknown', async () => {
    const models = [{ name: 'm', targets: [{ provider: 'p' }] }];
    const service = kept(await startRouter({ file: { models } }));
    await expect(service.generate()).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('switching a model to another provider sends nothing more to the first', async () => {
    const [first, second] = [
      kept(await startFakeEngine(answers('first'))),
      kept(await startFakeEngine(answers('second'))),
    ];
    const providers = [
      { name: 'a', kind: 'vllm', base_url: `${first.url}/v1` },
      { name: 'b', kind: 'vllm', base_url: `${second.url}/v1` },
    ];
    const to = (provider: string) => ({ providers, models: [{ name: 'm', targets: [{ provider }] }] });
    const service = kept(await startRouter({ file: to('a') }));
    expect(textOf(await service.generate())).toBe('first');
    service.set(to('b'));
    expect(textOf(await service.generate())).toBe('second');
    expect(first.seen).toHaveLength(1);
  });

  it('stopping the service ends what runs on engines', async () => {
    const fake = kept(await startFakeEngine((response) => void response.writeHead(200).write('\n')));
    const service = await startRouter({ engines: [engine('e', `${fake.url}/v1`, ['m'])] });
    const call = service.generate();
    call.catch(() => undefined);
    await until(() => fake.seen.length === 1);
    await service.stop();
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    await until(() => fake.seen[0]!.aborted);
  });
});

describe('embeddings', () => {
  it('go in batches and come back in order', async () => {
    const fake = kept(await startFakeEngine(embeds));
    const engines = [engine('e', `${fake.url}/v1`, ['text-embed'])];
    const service = kept(await startRouter({ engines, config: { embedBatch: 2 } }));
    const inputs = ['a', 'bb', 'ccc', 'dddd', 'eeeee'];
    const answer = await service.client.embed({ caller: undefined, model: '', inputs });
    expect(answer.model).toBe('text-embed');
    expect(answer.embeddings.map(({ values }) => values[0])).toEqual([1, 2, 3, 4, 5]);
    expect(answer.usage?.estimated).toBe(true);
    expect(fake.seen.map((seen) => seen.body.input.length)).toEqual([2, 2, 1]);
  });

  it('are refused in too large a number, and for a model there is none of', async () => {
    const service = kept(await startRouter({ config: { embedMaxInputs: 1 } }));
    const call = service.client.embed({ caller: undefined, model: '', inputs: [] });
    await expect(call).rejects.toMatchObject({ code: 'model_not_found' });
    const fake = kept(await startFakeEngine(embeds));
    const more = kept(
      await startRouter({ engines: [engine('e', `${fake.url}/v1`, ['m'])], config: { embedMaxInputs: 1 } }),
    );
    const many = more.client.embed({ caller: undefined, model: 'm', inputs: ['a', 'b'] });
    await expect(many).rejects.toMatchObject({ code: 'invalid_request', details: { param: 'input' } });
  });

  it('fail over, and end with the caller', async () => {
    const [bad, good] = [
      kept(await startFakeEngine((response) => sendJson(response, {}, 500))),
      kept(await startFakeEngine(embeds)),
    ];
    const engines = [engine('bad', `${bad.url}/v1`, ['m']), engine('good', `${good.url}/v1`, ['m'])];
    const service = kept(await startRouter({ engines }));
    const ask = (signal?: AbortSignal) =>
      service.client.embed({ caller: undefined, model: 'm', inputs: ['a'] }, signal ? { signal } : {});
    for (let i = 0; i < 3; i += 1) expect((await ask()).embeddings).toHaveLength(1);
    bad.script = good.script = () => undefined;
    const before = bad.seen.length + good.seen.length;
    const caller = new AbortController();
    const call = ask(caller.signal);
    await until(() => bad.seen.length + good.seen.length > before);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => [...bad.seen, ...good.seen].some((seen) => seen.aborted));
  });
});

describe('with real simulated engines', () => {
  async function simulated(count: number, options: Parameters<typeof startEngineSim>[0] = {}) {
    const sims = await Promise.all(Array.from({ length: count }, async () => kept(await startEngineSim(options))));
    const engines = sims.map((sim, i) => engine(`sim${i}`, `${sim.url}/v1`, [sim.model, sim.embeddingModel]));
    return { sims, service: kept(await startRouter({ engines })), model: sims[0]!.model };
  }

  it('both shapes give the same answer and say what was used', async () => {
    const { service, model } = await simulated(1);
    const streamed = await service.generate({ model, maxTokens: 40 });
    const whole = await service.generate({ model, maxTokens: 40, stream: false });
    expect(textOf(streamed)).not.toBe('');
    expect(textOf(whole)).toBe(textOf(streamed));
    expect(valueOf(whole, 'finished')?.usage).toMatchObject({ estimated: false });
    expect(valueOf(streamed, 'finished')?.usage?.completionTokens).toBe(
      valueOf(whole, 'finished')?.usage?.completionTokens,
    );
    const { embeddings } = await service.client.embed({ caller: undefined, model: '', inputs: ['sea', 'ocean'] });
    expect(embeddings).toHaveLength(2);
  });

  it('parallel requests spread evenly', async () => {
    const { service, sims, model } = await simulated(4);
    await Promise.all(Array.from({ length: 80 }, () => service.generate({ model, maxTokens: 20 })));
    const served = sims.map((sim) => sim.stats().served);
    expect(served.reduce((sum, one) => sum + one, 0)).toBe(80);
    expect(Math.max(...served)).toBeLessThanOrEqual(28);
  });

  it('an engine that is slow gets no more than its share', async () => {
    const slow = kept(await startEngineSim({ decodeTokensPerSecond: 5, answerTokens: 200 }));
    const quick = kept(await startEngineSim());
    const engines = [slow, quick].map((sim, i) => engine(`sim${i}`, `${sim.url}/v1`, [sim.model]));
    const service = kept(await startRouter({ engines }));
    const caller = new AbortController();
    const held = [1, 2].map(() => service.generate({ model: slow.model }, { signal: caller.signal }));
    await until(() => slow.stats().running === 1);
    await Promise.race(held);
    const before = slow.stats().requests.length;
    for (let i = 0; i < 6; i += 1) await service.generate({ model: slow.model, maxTokens: 5 });
    expect(slow.stats().requests).toHaveLength(before);
    const settled = Promise.allSettled(held);
    caller.abort();
    await settled;
  });

  it.each([true, false])('a caller that leaves frees the engine, stream %s', async (stream) => {
    const { service, sims, model } = await simulated(1, { decodeTokensPerSecond: 20, answerTokens: 1_000 });
    const caller = new AbortController();
    const call = service.generate({ model, stream }, { signal: caller.signal });
    await until(() => sims[0]!.stats().running === 1);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => sims[0]!.stats().aborted === 1 && sims[0]!.stats().running === 0, { timeoutMs: 5_000 });
  });

  it('engines that die under load: every caller gets an answer or an explicit failure', async () => {
    const { service, sims, model } = await simulated(3, { decodeTokensPerSecond: 40 });
    const calls = Array.from({ length: 60 }, () => service.generate({ model, maxTokens: 60 }));
    await until(() => sims[0]!.stats().running > 5);
    await sims[0]!.stop();
    for (const events of await Promise.all(calls)) {
      expect(['finished', 'failure']).toContain(kinds(events).at(-1));
      expect(kinds(events).filter((kind) => kind === 'finished' || kind === 'failure')).toHaveLength(1);
    }
    const after = await Promise.all(Array.from({ length: 20 }, () => service.generate({ model, maxTokens: 5 })));
    expect(after.every((events) => kinds(events).at(-1) === 'finished')).toBe(true);
  });
});

describe('the way to an engine', () => {
  const root = import.meta.dirname;
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test|\.fixture)\.ts$/.test(name))
    .sort();
  const uses = (pattern: RegExp) =>
    files.filter((name) => pattern.test(readFileSync(path.join(root, name), 'utf8').replaceAll(/import type .*/g, '')));

  it('is one file: nothing else in this service makes connections or addresses', () => {
    expect(uses(/\bfrom 'undici'|\bnew URL\(/)).toEqual(['providers/engine-client.ts']);
    expect(uses(/\bfrom '(node:)?(http|https|http2|net|tls|dgram|child_process)'/)).toEqual([]);
    expect(uses(/\bfetch\(|\bnew (WebSocket|EventSource)\(|\bimport\((?!'sharp'\))|\brequire\(/)).toEqual([]);
    expect(uses(/\.dispatch\(|\bnew Exchange\(/)).toEqual(['providers/engine-client.ts']);
    expect(uses(/\bnew EngineClient\(/)).toEqual(['generation/engines.ts']);
  });

  it('is a target, which the registry alone makes of what a name resolved to and of that provider’s account', () => {
    expect(uses(/\bnew Target\(/)).toEqual(['registry/registry.ts']);
    expect(uses(/\bnew Accounts?\(/)).toEqual(['providers/account.ts', 'registry/registry.ts']);
    expect(uses(/\.(generateBody|embedBody|converse!?)\(/)).toEqual(['providers/engine-client.ts']);
  });

  it('is not taken when the caller has left before it begins', async () => {
    const fake = kept(await startFakeEngine(answers('fine')));
    const service = kept(await startRouter({ engines: [engine('e', `${fake.url}/v1`, ['m'])] }));
    const call = service.generate(generateRequest(), { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(fake.seen).toHaveLength(0);
  });
});
