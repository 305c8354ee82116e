import { afterEach, describe, expect, it } from '@jest/globals';
import { fleet, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { answers, startFakeEngine, sendJson, type FakeEngine, type Script } from '../fake-engine.fixture.ts';
import { engine, generateRequest, kinds, startRouter, textOf, valueOf, type Started } from '../router.fixture.ts';

const { READY, STOPPED } = fleet.EngineState;

let running: Started | undefined;
const fakes: FakeEngine[] = [];

afterEach(async () => {
  await running?.stop();
  running = undefined;
  for (const fake of fakes.splice(0)) await fake.stop();
});

async function fakeEngine(script: Script = answers('well')): Promise<FakeEngine> {
  const fake = await startFakeEngine(script);
  fakes.push(fake);
  return fake;
}

/** A service of the provider `local`, as the fleet tells of it. */
const service = (url: string, name: string, runs: boolean): fleet.Engine =>
  engine(`local/${name}`, `${url}/v1`, runs ? [name] : [], {
    ...{ provider: 'local', onDemand: true, state: runs ? READY : STOPPED, activatable: runs ? [] : [name] },
  });

interface Asked extends fleet.ActivateRequest {
  answer(engine: fleet.Engine): void;
  fail(error: Error): void;
  readonly signal: AbortSignal;
}

/** A fleet that starts nothing until the test says so. */
function fleetByHand() {
  const asked: Asked[] = [];
  const uses: string[] = [];
  const activate = (request: fleet.ActivateRequest, signal: AbortSignal) => {
    if (request.inUse) {
      uses.push(request.model);
      return Promise.resolve(fleet.Engine.create());
    }
    return new Promise<fleet.Engine>((answer, fail) => asked.push({ ...request, answer, fail, signal }));
  };
  return { asked, uses, activate };
}

/** What engines serve or could: not the names that stand for a choice among them. */
async function listedBy({ client }: Started): Promise<router.Model[]> {
  const { models } = await client.listModels(router.ListModelsRequest.create());
  return models.filter(({ name }) => !name.startsWith('auto'));
}

async function start(engines: fleet.Engine[], file = {}, config = {}) {
  const byHand = fleetByHand();
  running = await startRouter({ engines, activate: byHand.activate, config, file });
  const listed = () => listedBy(running!);
  await until(async () => (await listed()).length > 0);
  return { ...byHand, listed, generate: running.generate };
}

describe('a request for a model that is not running', () => {
  it('is held with signs of life, and answered by the engine that was started', async () => {
    const fake = await fakeEngine();
    const { asked, uses, listed, generate } = await start([service(fake.url, 'm', false)]);
    expect(await listed()).toMatchObject([{ name: 'm', ready: false, active: false, installed: true }]);
    const answer = generate({ model: 'm' });
    await until(() => asked.length === 1);
    expect(asked[0]).toMatchObject({ provider: 'local', model: 'm', requestId: 'req_1' });
    expect(fake.seen).toEqual([]);
    asked[0]!.answer(service(fake.url, 'm', true));
    const events = await answer;
    expect([...new Set(kinds(events))]).toEqual(['waiting', 'answerer', 'notice', 'choices', 'finished']);
    expect(valueOf(events, 'notice')?.code).toBe('model_started');
    expect([textOf(events), fake.seen[0]!.body.model]).toEqual(['well', 'm']);
    await until(() => uses.length > 0);
    expect(kinds(await generate({ model: 'm' }))[0]).toBe('answerer');
    expect(asked).toHaveLength(1);
  });

  it('shares one start with the others, and leaves it alone when it goes while they wait', async () => {
    const fake = await fakeEngine();
    const { asked, generate } = await start([service(fake.url, 'm', false)]);
    const leaving = new AbortController();
    const left = generate({ model: 'm' }, { signal: leaving.signal }).catch((error: Error) => error);
    const stays = [generate({ model: 'm' }), generate({ model: 'm', stream: true })];
    await until(() => asked.length === 1);
    leaving.abort();
    expect(await left).toMatchObject({ code: 'cancelled' });
    expect(asked[0]!.signal.aborted).toBe(false);
    asked[0]!.answer(service(fake.url, 'm', true));
    expect((await Promise.all(stays)).map(textOf)).toEqual(['well', 'well']);
    expect([asked.length, fake.seen.length]).toEqual([1, 2]);
  });

  it('lets the fleet know when nobody waits any more', async () => {
    const { asked, generate } = await start([service('http://127.0.0.1:9', 'm', false)]);
    const leaving = new AbortController();
    const left = generate({ model: 'm' }, { signal: leaving.signal }).catch(() => undefined);
    await until(() => asked.length === 1);
    leaving.abort();
    await left;
    await until(() => asked[0]!.signal.aborted);
  });

  it('is told why the start failed, as the fleet says it', async () => {
    const { asked, generate } = await start([service('http://127.0.0.1:9', 'm', false)]);
    const answer = generate({ model: 'm' });
    await until(() => asked.length === 1);
    asked[0]!.fail(
      new FlotillaError('err_model_start_timeout', 'local/m: the process exited with 1 ("out of memory")'),
    );
    await expect(answer).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: expect.stringContaining('out of memory'),
    });
  });

  it('fails when the start takes longer than it may', async () => {
    const engines = [service('http://127.0.0.1:9', 'm', false)];
    const { generate } = await start(engines, {}, { activationTimeoutMs: 50 });
    await expect(generate({ model: 'm' })).rejects.toMatchObject({ code: 'err_model_start_timeout' });
  });

  it('fails at once when no fleet is there', async () => {
    running = await startRouter({ engines: [service('http://127.0.0.1:9', 'm', false)] });
    await until(async () => (await listedBy(running!)).length > 0);
    await expect(running.generate({ model: 'm' })).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('is refused when too many wait for the model already', async () => {
    const fake = await fakeEngine();
    const { asked, generate } = await start([service(fake.url, 'm', false)], {}, { maxHeldPerModel: 1 });
    const first = generate({ model: 'm' });
    await until(() => asked.length === 1);
    await expect(generate({ model: 'm' })).rejects.toMatchObject({
      ...{ code: 'overloaded', details: { retryAfterMs: 10_000 } },
    });
    asked[0]!.answer(service(fake.url, 'm', true));
    expect(textOf(await first)).toBe('well');
  });

  it('goes to a fallback that is ready when the start fails, and not before', async () => {
    const fake = await fakeEngine();
    const file = {
      providers: [{ name: 'cloud', kind: 'vllm', base_url: `${fake.url}/v1` }],
      models: [{ name: 'm', targets: [{ provider: 'local', model: 'x' }], fallbacks: ['cloud/y'] }],
    };
    const { asked, generate } = await start([service('http://127.0.0.1:9', 'x', false)], file);
    const answer = generate({ model: 'm' });
    await until(() => asked.length === 1);
    expect(fake.seen).toEqual([]);
    asked[0]!.fail(new FlotillaError('err_model_start_timeout'));
    expect(textOf(await answer)).toBe('well');
    expect(fake.seen[0]!.body.model).toBe('y');
  });

  it('is asked anew when its engine made room for another before the first token', async () => {
    const fake = await fakeEngine((response) => sendJson(response, { error: { message: 'no such model' } }, 404));
    const { asked, generate } = await start([service(fake.url, 'm', true), service(fake.url, 'other', false)]);
    const answer = generate({ model: 'm' });
    await until(() => asked.length === 1);
    fake.script = answers('after all');
    asked[0]!.answer(service(fake.url, 'm', true));
    expect(textOf(await answer)).toBe('after all');
  });

  it('embeds as well', async () => {
    const vector = { data: [{ index: 0, embedding: [1, 0] }], usage: { prompt_tokens: 1, total_tokens: 1 } };
    const fake = await fakeEngine((response) => sendJson(response, vector));
    const { asked } = await start([service(fake.url, 'embed', false)]);
    const answer = running!.client.embed(router.EmbedRequest.fromPartial({ model: 'embed', inputs: ['a'] }));
    await until(() => asked.length === 1);
    asked[0]!.answer(service(fake.url, 'embed', true));
    expect((await answer).embeddings).toHaveLength(1);
  });
});

describe('what is held', () => {
  it('ends at once when the client leaves, and never reaches an engine', async () => {
    const fake = await fakeEngine();
    const { asked } = await start([service(fake.url, 'm', false)]);
    const events = running!.client.generate(generateRequest({ model: 'm' }))[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ event: { $case: 'waiting' } });
    void events.next().catch(() => undefined);
    await until(() => asked.length === 1);
    await events.return!();
    await until(() => asked[0]!.signal.aborted);
    asked[0]!.answer(service(fake.url, 'm', true));
    expect(fake.seen).toEqual([]);
  });
});
