import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { stringify } from 'yaml';
import { startNamedEngine, type NamedEngine } from './named-engine.fixture.ts';
import { Shape } from './shape.ts';

const names = ['talker', 'coder', 'thinker'] as const;
const engines = new Map<string, NamedEngine>();
let shape: Shape;

beforeAll(async () => {
  shape = await Shape.start('standalone');
  for (const name of names) engines.set(name, await startNamedEngine(name, { models: [name, `${name}-lora`] }));
  const quality = (best: Record<string, number>) => ({ quality: { default: 0.5, ...best } });
  writeFileSync(
    shape.configFile,
    stringify({
      providers: names.map((name) => ({ name, kind: 'openai', base_url: `${engines.get(name)!.url}/v1` })),
      models: names.map((name) => ({
        name,
        targets: [{ provider: name }],
        capabilities: ['chat', 'json'],
        price: { input: 1, output: 1 },
        ...(name === 'coder' && { adapters: [{ name: 'coder-lora' }] }),
      })),
      routing: {
        candidates: {
          talker: quality({ chat: 0.95, creative: 0.95 }),
          'coder-lora': quality({ code: 0.97 }),
          thinker: quality({ math: 0.95, reasoning: 0.95 }),
        },
        tasks: { math: { system: 'Think step by step.', temperature: 0.2 } },
      },
      tiers: { dev: { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 } },
    }),
  );
  await until(async () => (await vanta('Hello, how are you today?')).answer.model === 'talker', {
    what: 'the models of the file',
  });
  for (const engine of engines.values()) engine.asked.length = 0;
}, 120_000);
afterAll(async () => {
  await shape?.stop();
  await Promise.all([...engines.values()].map((engine) => engine.stop()));
}, 60_000);

interface Answer {
  text: string;
  model: string;
}

async function vanta(message: string, more: object = {}): Promise<{ answer: Answer; headers: Headers }> {
  const response = await shape.fetch('/v1/chat', { method: 'POST', body: JSON.stringify({ message, ...more }) });
  return { answer: (await response.json()) as Answer, headers: response.headers };
}

describe("VANTA's chat without a model", () => {
  it.each([
    ['Write a Python function that parses an ISO date and returns the weekday.', 'code', 'coder-lora', 'coder'],
    ['Solve for x: 3x^2 - 12x + 9 = 0 and show every root.', 'math', 'thinker', 'thinker'],
    ['Hi there! How has your day been so far?', 'chat', 'talker', 'talker'],
  ])('%s → %s: %s answers', async (message, task, model, engine) => {
    const { answer, headers } = await vanta(message);
    expect(answer).toMatchObject({ text: engine, model });
    expect(headers.get('x-flotilla-task')).toBe(task);
    expect(headers.get('x-flotilla-reasons')).toContain(`task=${task}`);
    expect(engines.get(engine)!.asked.at(-1)).toMatchObject({ model });
  });

  it('asks with the header and the sampling of the task, where the client gave none', async () => {
    const asked = () => engines.get('thinker')!.asked.at(-1)!.body as { messages: { role: string; content: string }[] };
    await vanta('What is the derivative of x^3 sin(x)? Compute it.');
    expect(asked()).toMatchObject({ temperature: 0.2, messages: [{ role: 'system' }, { role: 'user' }] });
    expect(asked().messages[0]!.content).toContain('step by step');
    await vanta('What is the derivative of x^3 sin(x)? Compute it.', { temperature: 0.9 });
    expect(asked()).toMatchObject({ temperature: 0.9 });
  });

  it('streams, and says in the stream who answers', async () => {
    const body = JSON.stringify({
      message: 'Fix the bug in this Rust code: fn main() { let x = 1; x = 2; }',
      stream: true,
    });
    const response = await shape.fetch('/v1/chat', { method: 'POST', body });
    expect(response.headers.get('x-flotilla-task')).toBe('code');
    expect(await response.text()).toContain('"model":"coder-lora"');
  });

  it('leaves a model that is named alone', async () => {
    const { answer, headers } = await vanta('Write a Python function.', { model: 'talker' });
    expect(answer).toMatchObject({ text: 'talker', model: 'talker' });
    expect(headers.get('x-flotilla-task')).toBeNull();
  });
});
