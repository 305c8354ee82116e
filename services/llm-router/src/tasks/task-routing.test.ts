import { afterEach, describe, expect, it } from '@jest/globals';
import { startTelemetry } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { answers, sendJson, startFakeEngine } from '../fake-engine.fixture.ts';
import { engine, startRouter, textOf, valueOf } from '../router.fixture.ts';
import type { router } from '@flotilla/contracts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};
const asks = (content: string): Partial<router.GenerateRequest> => ({
  ...{ model: 'auto', messages: [{ role: 'user', content } as router.GenerateRequest['messages'][number]] },
});

/** Engines of three models that say their names. */
async function startThree(names = ['llama-3.1-8b', 'qwen2.5-coder-7b', 'llama-3.3-70b']) {
  const fakes = await Promise.all(names.map(async (name) => kept(await startFakeEngine(answers(`I am ${name}`)))));
  const engines = fakes.map((fake, at) => engine(`e${at}`, `${fake.url}/v1`, [names[at]!]));
  return { fakes, engines };
}

describe('auto', () => {
  it('is answered by the model that the prompt asks for, which signs the answer and says why', async () => {
    const { fakes, engines } = await startThree();
    const file = { routing: { tasks: { math: { system: 'Think step by step.', temperature: 0.2 } } } };
    const service = kept(await startRouter({ engines, file }));
    const code = await service.generate(asks('Fix the bug in this Python function, it throws an IndexError'));
    expect(textOf(code)).toBe('I am qwen2.5-coder-7b');
    expect(valueOf(code, 'answerer')).toMatchObject({
      model: 'qwen2.5-coder-7b',
      routing: { task: 'code', policy: 'balanced', attempts: 1 },
    });
    const proof = await service.generate({
      ...asks('Prove by induction that the sum of the first n cubes is the square of the n-th triangular number.'),
      model: 'auto:best',
    });
    expect(textOf(proof)).toBe('I am llama-3.3-70b');
    expect(fakes[2]!.seen[0]!.body).toMatchObject({
      temperature: 0.2,
      messages: [{ role: 'system', content: 'Think step by step.' }, { role: 'user' }],
    });
    expect(textOf(await service.generate({ ...asks('Hi!'), model: 'auto:cheap' }))).toBe('I am llama-3.1-8b');
  });

  it('is listed where there is something to choose, chats and does not embed', async () => {
    const { engines } = await startThree();
    const service = kept(await startRouter({ engines }));
    const { models } = await service.client.listModels({
      caller: undefined,
      includeNonInstalled: false,
      includeTestModels: false,
    });
    const auto = models.find(({ name }) => name === 'auto');
    expect(auto).toMatchObject({ capabilities: ['chat'], ready: true, ownedBy: 'flotilla' });
    await expect(service.client.embed({ caller: undefined, model: 'auto', inputs: ['a'] })).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('is never the default provider’s, and is refused with what is missing', async () => {
    const fake = kept(await startFakeEngine(answers('no')));
    const providers = [{ name: 'any', kind: 'openai' as const, base_url: `${fake.url}/v1` }];
    const service = kept(await startRouter({ file: { providers, default_provider: 'any' } }));
    await expect(service.generate(asks('Hi'))).rejects.toMatchObject({ code: 'model_not_found' });
    expect(fake.seen).toEqual([]);
  });

  it('goes on to the fallbacks of what it chose', async () => {
    const { fakes, engines } = await startThree();
    fakes[1]!.script = (response) => sendJson(response, {}, 500);
    const models = [
      { name: 'coder', targets: [{ provider: 'e1', model: 'qwen2.5-coder-7b' }], fallbacks: ['e2/llama-3.3-70b'] },
      { name: 'other', targets: [{ provider: 'e0', model: 'llama-3.1-8b' }] },
    ];
    const service = kept(await startRouter({ engines, file: { models } }));
    const events = await service.generate(asks('Write a Python function that reverses a list.'));
    expect(textOf(events)).toBe('I am llama-3.3-70b');
    expect(valueOf(events, 'answerer')).toMatchObject({ model: 'coder', routing: { task: 'code', attempts: 2 } });
  });

  it('leaves its reasons in the trace', async () => {
    const collector = kept(await startFakeEngine((response) => sendJson(response, {})));
    const telemetry = await startTelemetry({ service: 'test', otlpEndpoint: collector.url, logSink: () => undefined });
    open.push({ stop: () => telemetry.shutdown() });
    const { engines } = await startThree();
    const service = kept(await startRouter({ engines }));
    await service.generate(asks('Write a Python function that reverses a list.'));
    const spans = () => collector.seen.flatMap((seen) => seen.body.resourceSpans[0].scopeSpans[0].spans);
    const found = await until(() => spans().find((one) => one.name === 'route auto'));
    const attributes = Object.fromEntries(
      found.attributes.map((row: { key: string; value: object }) => [row.key, Object.values(row.value)[0]]),
    );
    expect(attributes).toMatchObject({
      ...{ 'flotilla.route.task': 'code', 'flotilla.route.model': 'qwen2.5-coder-7b' },
      'flotilla.route.policy': 'balanced',
    });
  });
});
