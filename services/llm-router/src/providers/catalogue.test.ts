import { afterEach, describe, expect, it } from '@jest/globals';
import { createFakeClock, until } from '@flotilla/testkit';
import { providerSchema } from '@flotilla/kernel';
import { defaults } from '../config.ts';
import { Endpoint } from '../endpoints/endpoint.ts';
import { sendJson, startFakeEngine, type FakeEngine } from '../fake-engine.fixture.ts';
import { Watchdog } from './watchdog.ts';
import { Account } from './account.ts';
import { adapterFor } from './adapters.ts';
import { Catalogue } from './catalogue.ts';
import { EngineClient } from './engine-client.ts';
import { Target } from './target.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const { signal } = new AbortController();
const settings = { catalogueTtlMs: 60_000, catalogueTimeoutMs: 1_000 };
const persona = { name: 'ada', model: 'm', system_prompt: 'You are Ada.', description: 'The first programmer.' };

async function catalogueOf(kind: 'openrouter' | 'ollama' | 'runpod', answer: unknown, fields: object = {}) {
  const fake: FakeEngine = await startFakeEngine((response) => sendJson(response, answer));
  const clock = createFakeClock();
  const watchdog = new Watchdog(clock);
  const client = new EngineClient(defaults, watchdog);
  closing.push(
    () => fake.stop(),
    () => client.close(),
  );
  const provider = providerSchema.parse({ name: 'p', kind, base_url: fake.url, ...fields });
  const facts = { id: 'e', provider: 'p', kind, baseUrl: fake.url, ready: true, models: [], waiting: 0, since: 0 };
  const account = new Account(provider, defaults);
  const target = new Target({ endpoint: new Endpoint(facts), adapter: adapterFor(facts, account), model: '', account });
  const targetOf = (name: string) => (name === 'p' ? target : undefined);
  return { fake, clock, catalogue: new Catalogue({ targetOf, client, watchdog, clock, settings }) };
}

const openRouterList = {
  data: [
    {
      id: 'meta/llama',
      name: 'Llama',
      description: 'x'.repeat(1_000),
      context_length: 131_072,
      architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
      supported_parameters: ['tools', 'reasoning', 'structured_outputs', 'seed'],
      pricing: { prompt: '0.00000013', completion: '0.0000004' },
    },
    { id: 'openrouter/auto', pricing: { prompt: '-1', completion: '-1' }, context_length: null },
  ],
};

describe('what a provider offers', () => {
  it('is its models with their prices and what they can, and the personas of the file', async () => {
    const { catalogue } = await catalogueOf('openrouter', openRouterList, { personas: [persona] });
    const { models, problem, listedAt } = await catalogue.offers('p', { signal });
    expect(models).toMatchObject([
      { id: 'ada', persona: true, description: 'The first programmer.' },
      {
        ...{ id: 'meta/llama', name: 'Llama', contextWindow: 131_072, inputPrice: 0.13, outputPrice: 0.4 },
        capabilities: ['chat', 'vision', 'tools', 'reasoning', 'json'],
      },
      { id: 'openrouter/auto', inputPrice: 0, contextWindow: 0 },
    ]);
    expect(models[1]!.description).toHaveLength(300);
    expect([problem, listedAt > 0]).toEqual(['', true]);
    expect(catalogue.price('p', 'meta/llama')).toEqual({ input: 0.13, output: 0.4 });
    expect(catalogue.price('p', 'openrouter/auto')).toBeUndefined();
    expect(catalogue.price('q', 'meta/llama')).toBeUndefined();
  });

  it('is asked once for all who want to know, and again when its time is over or somebody insists', async () => {
    const { catalogue, clock, fake } = await catalogueOf('openrouter', { data: [{ id: 'a' }] });
    await Promise.all([1, 2, 3].map(() => catalogue.offers('p', { signal })));
    await catalogue.offers('p', { signal });
    expect(fake.seen).toHaveLength(1);
    fake.script = (response) => sendJson(response, { data: [{ id: 'b' }] });
    expect((await catalogue.offers('p', { refresh: true, signal })).models).toMatchObject([{ id: 'b' }]);
    clock.advance(settings.catalogueTtlMs);
    await catalogue.offers('p', { signal });
    expect(fake.seen).toHaveLength(3);
  });

  it('stays what it was while the provider is away, and says why it is not newer', async () => {
    const { catalogue, clock, fake } = await catalogueOf('openrouter', { data: [{ id: 'a' }] });
    const { listedAt } = await catalogue.offers('p', { signal });
    fake.script = (response) => sendJson(response, { error: { message: 'no' } }, 500);
    clock.advance(1_000);
    const later = await catalogue.offers('p', { refresh: true, signal });
    expect(later).toMatchObject({ models: [{ id: 'a' }], listedAt, problem: 'The engine failed (status 500).' });
    await catalogue.offers('p', { signal });
    expect(fake.seen).toHaveLength(2);
    clock.advance(10_000);
    fake.script = (response) => sendJson(response, { data: [] });
    expect(await catalogue.offers('p', { signal })).toMatchObject({ models: [], problem: '' });
  });

  it('is not waited for too long, nor for longer than who asks does', async () => {
    const { catalogue, clock, fake } = await catalogueOf('openrouter', {});
    fake.script = () => undefined;
    const caller = new AbortController();
    const left = catalogue.offers('p', { signal: caller.signal });
    const stayed = catalogue.offers('p', { signal });
    left.catch(() => undefined);
    await until(() => fake.seen.length === 1);
    caller.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    clock.advance(settings.catalogueTimeoutMs + 200);
    expect((await stayed).problem).toMatch(/in time/);
    await until(() => fake.seen[0]!.aborted);
  });

  it('is bounded, and nothing when the list is none', async () => {
    const many = Array.from({ length: 3_000 }, (_, at) => ({ id: `m${at}` }));
    const { catalogue, fake } = await catalogueOf('openrouter', { data: many }, { personas: [persona] });
    expect((await catalogue.offers('p', { signal })).models).toHaveLength(2_000);
    fake.script = (response) => sendJson(response, { hello: 1 });
    expect((await catalogue.offers('p', { refresh: true, signal })).problem).toMatch(/no list of models/);
  });

  it('of Ollama counts a model that was made of another as a persona', async () => {
    const details = { parameter_size: '8B', quantization_level: 'Q4_K_M' };
    const { catalogue } = await catalogueOf('ollama', {
      models: [
        { name: 'llama3:latest', details, capabilities: ['completion', 'tools', 'thinking'] },
        { name: 'pirate', details: { parent_model: 'llama3' } },
        { name: 'nomic', details: { family: 'nomic-bert' } },
      ],
    });
    expect((await catalogue.offers('p', { signal })).models).toMatchObject([
      { id: 'llama3:latest', name: 'llama3', capabilities: ['chat', 'tools', 'reasoning'], description: '8B Q4_K_M' },
      { id: 'pirate', persona: true },
      { id: 'nomic', capabilities: ['embeddings'] },
    ]);
  });

  it('of RunPod is asked for only when somebody insists: it starts a worker', async () => {
    const { catalogue, fake } = await catalogueOf('runpod', { data: [{ id: 'a' }] }, { personas: [persona] });
    expect((await catalogue.offers('p', { signal })).models).toMatchObject([{ id: 'ada' }]);
    expect(fake.seen).toHaveLength(0);
    await catalogue.offers('p', { refresh: true, signal });
    expect((await catalogue.offers('p', { signal })).models).toMatchObject([{ id: 'ada' }, { id: 'a' }]);
  });

  it('is not known of a provider that there is not', async () => {
    const { catalogue } = await catalogueOf('ollama', {});
    await expect(catalogue.offers('nobody', { signal })).rejects.toMatchObject({ code: 'not_found' });
  });
});
