import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { stringify } from 'yaml';
import { startNamedEngine, type NamedEngine } from './named-engine.fixture.ts';
import { shapes, Shape } from './shape.ts';

const names = ['small', 'large', 'next'] as const;
const tiers = { dev: { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 } };

describe.each(shapes)('routing on %s', (shapeName) => {
  let shape: Shape;
  const engines = new Map<string, NamedEngine>();

  beforeAll(async () => {
    shape = await Shape.start(shapeName);
    for (const name of names) engines.set(name, await startNamedEngine(name, { models: [name] }));
    engines.set('failing', await startNamedEngine('failing', { models: ['failing'], fails: true }));
    const price = { small: 0.05, large: 15, next: 15 };
    writeFileSync(
      shape.configFile,
      stringify({
        providers: [
          ...names.map((name) => ({ name, kind: 'openai', base_url: `${engines.get(name)!.url}/v1` })),
          { name: 'gone', kind: 'openai', base_url: 'http://127.0.0.1:9/v1' },
          { name: 'failing', kind: 'openai', base_url: `${engines.get('failing')!.url}/v1` },
        ],
        models: [
          ...names.map((name) => ({
            ...{ name, targets: [{ provider: name }], capabilities: ['chat'] },
            price: { input: price[name], output: price[name] },
          })),
          {
            ...{ name: 'lost', targets: [{ provider: 'gone' }], capabilities: ['chat'] },
            fallbacks: ['failing/failing', 'large'],
          },
          { name: 'tried', targets: [{ provider: 'large' }], capabilities: ['chat'] },
        ],
        routing: { candidates: { small: { quality: { default: 0.6 } }, large: { quality: { default: 0.95 } } } },
        experiments: [
          {
            ...{ name: 'newer', models: ['tried'], unit: 'conversation' },
            arms: [
              { name: 'old', weight: 50 },
              { name: 'new', model: 'next', weight: 50 },
            ],
          },
        ],
        cache: { allow: ['exact'] },
        tiers,
      }),
    );
    await until(async () => (await ask({ model: 'auto:cheap' })).said === 'small', { what: 'the models of the file' });
  }, 120_000);
  afterAll(async () => {
    await shape?.stop();
    await Promise.all([...engines.values()].map((engine) => engine.stop()));
    engines.clear();
  }, 60_000);

  const ask = async (body: object) => {
    const response = await shape.chat({ messages: [{ role: 'user', content: 'Good morning!' }], ...body });
    const answer = (await response.json()) as {
      choices?: { message: { content: string } }[];
      usage?: { total_tokens: number };
    };
    return { said: answer.choices?.[0]?.message.content, usage: answer.usage, headers: response.headers };
  };

  it('weighs cost against quality by the policy that is asked for', async () => {
    expect(await ask({ model: 'auto:cheap' })).toMatchObject({ said: 'small' });
    const best = await ask({ model: 'auto:best' });
    expect(best.said).toBe('large');
    expect(best.headers.get('x-flotilla-policy')).toBe('best');
  });

  it('goes on to another provider, and to another model, where one is away', async () => {
    const { said, headers } = await ask({ model: 'lost' });
    expect(said).toBe('large');
    expect(Number(headers.get('x-flotilla-attempts'))).toBeGreaterThan(1);
  });

  it('splits conversations between the arms of an experiment, each with one arm for good', async () => {
    const armOf = async (conversation: string) => {
      const { said, headers } = await ask({ model: 'tried', flotilla: { conversation_id: conversation } });
      return `${headers.get('x-flotilla-experiment')} ${said}`;
    };
    const conversations = Array.from({ length: 24 }, (_, index) => `conversation-${index}`);
    const first = await Promise.all(conversations.map(armOf));
    expect(new Set(first)).toEqual(new Set(['newer=old large', 'newer=new next']));
    expect(await Promise.all(conversations.map(armOf))).toEqual(first);
  });

  it('gives an answer that is kept again, for nothing, streamed or whole, and never to another organisation', async () => {
    const body = { model: 'large', flotilla: { cache: 'exact' }, temperature: 0.1 };
    const asked = () => engines.get('large')!.asked.length;
    const before = asked();
    expect((await ask(body)).headers.get('x-flotilla-cache')).toBe('miss');
    await until(async () => (await ask(body)).headers.get('x-flotilla-cache') === 'exact', {
      what: 'the answer to be kept',
    });
    const again = await ask(body);
    expect(again).toMatchObject({ said: 'large', usage: { total_tokens: 0 } });
    const streamed = await shape.chat({
      messages: [{ role: 'user', content: 'Good morning!' }],
      ...body,
      stream: true,
    });
    expect(streamed.headers.get('x-flotilla-cache')).toBe('exact');
    expect(await streamed.text()).toContain('data: [DONE]');
    const kept = asked();
    expect(kept - before).toBeLessThan(3);

    const admin = async (route: string, given: object) => {
      const response = await shape.fetch(`/admin/api/${route}`, { method: 'POST', body: JSON.stringify(given) });
      return (await response.json()) as { secret?: string; deleted?: number };
    };
    await admin('orgs', { id: `other-${shapeName}`, name: 'Other', tier: 'dev' });
    const { secret } = await admin(`orgs/other-${shapeName}/keys`, { name: 'k' });
    const theirs = await shape.chat(
      { messages: [{ role: 'user', content: 'Good morning!' }], ...body },
      { headers: { authorization: `Bearer ${secret}` } },
    );
    expect(theirs.headers.get('x-flotilla-cache')).toBe('miss');
    expect(asked()).toBe(kept + 1);

    expect((await admin('cache/purge', { model: 'large' })).deleted).toBeGreaterThan(0);
    expect((await ask(body)).headers.get('x-flotilla-cache')).toBe('miss');
  });

  it('lists what auto may be', async () => {
    const { data } = (await (await shape.fetch('/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['auto', 'auto:cheap', 'large', 'small']));
  });
});
