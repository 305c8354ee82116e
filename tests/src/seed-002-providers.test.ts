import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until, readEvents } from '@flotilla/testkit';
import { stringify } from 'yaml';
import { startNamedEngine, type NamedEngine } from './named-engine.fixture.ts';
import { shapes, Shape } from './shape.ts';

const names = ['openrouter', 'runpod', 'ollama'] as const;
type Name = (typeof names)[number];
const model = 'shared/model';
const messages = [{ role: 'user', content: 'Who are you?' }];

describe.each(shapes)('the provider that is set, on %s', (shapeName) => {
  let shape: Shape;
  const engines = new Map<Name, NamedEngine>();

  beforeAll(async () => {
    shape = await Shape.start(shapeName);
    for (const name of names) engines.set(name, await startNamedEngine(name, { models: [model], pauseMs: 5 }));
    const at = (name: Name) => engines.get(name)!.url;
    const providers = [
      { name: 'openrouter', kind: 'openrouter', base_url: `${at('openrouter')}/api/v1` },
      { name: 'runpod', kind: 'runpod', base_url: `${at('runpod')}/v2/endpoint`, route: 'openai' },
      { name: 'ollama', kind: 'ollama', base_url: at('ollama') },
    ];
    const tiers = { dev: { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 } };
    writeFileSync(shape.configFile, stringify({ providers, default_provider: 'openrouter', tiers }));
    await until(async () => (await ask(shape)) === 'openrouter', { what: 'the providers of the file' });
    // Ollama is asked only for what it lists.
    const listsIt = async () => {
      const registry = (await (await shape.fetch('/v1/debug/registry')).json()) as {
        endpoints: { provider: string; models: string[] }[];
      };
      return registry.endpoints.some(({ provider, models }) => provider === 'ollama' && models.includes(model));
    };
    await until(listsIt, { what: 'Ollama to be found' });
  }, 120_000);
  afterAll(async () => {
    await shape?.stop();
    await Promise.all([...engines.values()].map((engine) => engine.stop()));
  }, 60_000);

  const use = async (provider: Name) => {
    const route = '/admin/api/overrides/setting/default_provider';
    const response = await shape.fetch(route, { method: 'PUT', body: JSON.stringify({ definition: provider }) });
    expect(response.status).toBe(200);
  };

  it.each(names)('answers every surface when it is %s', async (name) => {
    await use(name);
    expect(await ask(shape)).toBe(name);
    const { events, done } = await readEvents(await shape.chat({ model, messages, stream: true }));
    expect([events.map((event) => event.choices?.[0]?.delta.content ?? '').join(''), done]).toEqual([name, true]);
    const post = async (route: string, body: object) =>
      (await shape.fetch(route, { method: 'POST', body: JSON.stringify({ model, ...body }) })).json();
    expect(await post('/v1/chat', { message: 'Who?' })).toMatchObject({ text: name });
    expect(await post('/v1/completions', { prompt: 'Who?' })).toMatchObject({ choices: [{ text: name }] });
    expect(await post('/v1/messages', { messages, max_tokens: 9 })).toMatchObject({ content: [{ text: name }] });
  });

  it('is switched while requests run, and none that follows goes to another', async () => {
    await use('openrouter');
    /** Counts the switches that were answered: what is asked after one may be answered by what it set alone. */
    let inForce = 0;
    const order: Name[] = ['openrouter', 'runpod', 'ollama', 'openrouter', 'ollama', 'runpod'];
    let ending = false;
    const wrong: string[] = [];
    let answered = 0;
    const client = async () => {
      while (!ending) {
        const from = inForce;
        const said = await ask(shape);
        // A switch is in force at the latest when it is answered, perhaps a little before.
        const allowed = order.slice(from, inForce + 2);
        if (!allowed.includes(said as Name)) wrong.push(`${said}, not ${allowed.join(' or ')}`);
        answered += 1;
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (const name of order.slice(1)) {
      const before = answered;
      await until(() => answered > before + 20, { what: 'requests to be answered' });
      await use(name);
      inForce += 1;
    }
    const before = answered;
    await until(() => answered > before + 20, { what: 'requests to be answered' });
    ending = true;
    await Promise.all(clients);
    expect(wrong).toEqual([]);
    expect(await ask(shape)).toBe('runpod');
  });

  it('is told of by the list, and refused by name when there is no such one', async () => {
    const { data } = (await (await shape.fetch('/admin/api/providers')).json()) as {
      data: { name: string; is_default: boolean }[];
    };
    expect(data.filter((provider) => provider.is_default).map(({ name }) => name)).toEqual(['runpod']);
    const offers = (await (await shape.fetch('/admin/api/providers/openrouter/models?refresh=true')).json()) as {
      data: { id: string }[];
    };
    expect(offers.data.map(({ id }) => id)).toEqual([model]);
    const refused = await shape.fetch('/admin/api/overrides/setting/default_provider', {
      method: 'PUT',
      body: JSON.stringify({ definition: 'nowhere' }),
    });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('nowhere');
    expect(await ask(shape)).toBe('runpod');
  });
});

/** Who answers. */
async function ask(shape: Shape, asked = model): Promise<string> {
  const answer = (await (await shape.chat({ model: asked, messages })).json()) as {
    choices?: { message: { content: string } }[];
    error?: { message: string };
  };
  return answer.choices?.[0]?.message.content ?? `error: ${answer.error?.message}`;
}
