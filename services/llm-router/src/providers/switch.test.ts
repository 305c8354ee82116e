import { afterEach, describe, expect, it } from '@jest/globals';
import { answers, startFakeEngine, type FakeEngine, type Script } from '../fake-engine.fixture.ts';
import { startRouter, textOf, valueOf, type Started } from '../router.fixture.ts';
import { openAiWords as words } from './dialects/openai.fixture.ts';
import { ollama } from './dialects/ollama.fixture.ts';
import { job } from './dialects/runpod.fixture.ts';

const fakes: FakeEngine[] = [];
let router: Started | undefined;
afterEach(async () => {
  await router?.stop();
  for (const fake of fakes.splice(0)) await fake.stop();
});

/** What each provider of the seed answers: its own name. */
const scripts: Record<string, Script> = {
  openrouter: answers('openrouter'),
  ollama: ollama.streams([ollama.words.text('ollama'), ollama.words.end('stop')]),
  runpod: job({ stream: [[words.begin, words.text('runpod'), words.end('stop')]], ends: 'COMPLETED' }),
};
const names = Object.keys(scripts);
const keys = { OPENROUTER_API_KEY: 'key-of-openrouter', RUNPOD_API_KEY: 'key-of-runpod' };

async function seed() {
  for (const name of names) fakes.push(await startFakeEngine(scripts[name]!));
  const [openrouter, laptop, pod] = fakes.map((fake) => fake.url);
  const providers = [
    {
      name: 'openrouter',
      kind: 'openrouter' as const,
      base_url: `${openrouter}/api/v1`,
      api_key_env: 'OPENROUTER_API_KEY',
    },
    { name: 'ollama', kind: 'ollama' as const, base_url: laptop! },
    {
      name: 'runpod',
      kind: 'runpod' as const,
      base_url: `${pod}/v2/abc`,
      route: 'jobs' as const,
      api_key_env: 'RUNPOD_API_KEY',
    },
  ];
  const by = (name: string) => ({
    providers,
    default_provider: name,
    models: [{ name: 'chat', targets: [{ provider: name, model: `model-of-${name}` }] }],
  });
  router = await startRouter({ file: by('openrouter'), env: keys });
  return { router, use: (name: string) => router!.set(by(name)) };
}

describe('switching between OpenRouter, Ollama and RunPod (seed 002)', () => {
  it('holds for every request that follows, while others run, and none goes to the wrong one', async () => {
    const { router, use } = await seed();
    const asked: { expected: string; call: ReturnType<Started['generate']> }[] = [];
    for (let i = 0; i < 60; i += 1) {
      const expected = names[i % names.length]!;
      use(expected);
      asked.push({ expected, call: router.generate({ model: 'chat' }) });
      if (i % 7 === 0) await asked.at(-1)!.call;
    }
    for (const { expected, call } of asked) {
      const events = await call;
      expect(textOf(events)).toBe(expected);
      expect(valueOf(events, 'answerer')?.provider).toBe(expected);
    }
    names.forEach((name, at) => {
      const bodies = fakes[at]!.seen.flatMap(({ body }) => (body ? [body.input?.openai_input ?? body] : []));
      expect(bodies).toHaveLength(20);
      expect(new Set(bodies.map(({ model }) => model))).toEqual(new Set([`model-of-${name}`]));
    });
  });

  it('takes no key along: each provider sees its own, Ollama none', async () => {
    const { router, use } = await seed();
    for (const name of names) {
      use(name);
      await router.generate({ model: 'chat' });
    }
    const seen = fakes.map((fake) => new Set(fake.seen.map(({ headers }) => headers.authorization)));
    expect(seen.map((headers) => [...headers])).toEqual([
      ['Bearer key-of-openrouter'],
      [undefined],
      ['Bearer key-of-runpod'],
    ]);
  });

  it('takes the names that nobody knows to the default, and a name with its provider there alone', async () => {
    const { router, use } = await seed();
    for (const name of ['runpod', 'openrouter']) {
      use(name);
      expect(textOf(await router.generate({ model: 'some/new-model' }))).toBe(name);
    }
    expect(textOf(await router.generate({ model: 'ollama/llama3' }))).toBe('ollama');
    fakes[1]!.script = (response) => void response.writeHead(500).end();
    await expect(router.generate({ model: 'ollama/llama3' })).rejects.toMatchObject({ code: 'engine_error' });
    expect(fakes[0]!.seen).toHaveLength(1);
  });
});
