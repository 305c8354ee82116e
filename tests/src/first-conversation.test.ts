import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { toFile } from 'openai';
import { shapes, Shape } from './shape.ts';

const handbook = `# Vacation

Every employee has 31 days of paid vacation a year. Unused days expire at the end of March.

# Office

The office in Lisbon opens at seven in the morning. The door code is changed every month.

# Contact

Questions about payroll go to payroll@example.com.
`;

describe.each(shapes)('a first conversation on %s, with the official client', (name) => {
  let shape: Shape;
  let storeId = '';
  beforeAll(async () => void (shape = await Shape.start(name)), 120_000);
  afterAll(() => shape?.stop(), 60_000);

  const ask = (content: string, over: object = {}) => ({
    model: 'flotilla-sim',
    messages: [{ role: 'user' as const, content }],
    flotilla: { conversation_id: 'conv-1', rag: { store_ids: [storeId] } },
    ...over,
  });

  it('lists the models', async () => {
    const models = await Array.fromAsync(await shape.openai().models.list());
    expect(models.map((model) => model.id)).toContain('flotilla-sim');
  });

  it('takes a text into a store', async () => {
    const client = shape.openai();
    const file = await client.files.create({
      file: await toFile(Buffer.from(handbook), 'handbook.txt'),
      purpose: 'assistants',
    });
    const store = await client.vectorStores.create({ name: 'handbook' });
    const added = await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id });
    expect(added.status).toBe('completed');
    storeId = store.id;
  });

  it('streams an answer that cites the passage it comes from', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const stream = await shape.openai().chat.completions.create(
      {
        ...ask('How many days of paid vacation does an employee have?'),
        stream: true,
        stream_options: { include_usage: true },
      },
      { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } },
    );
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    expect(text).toContain('31 days');
    expect(text).toMatch(/\[\d\]/);
    const said = (chunks[0] as unknown as { flotilla: { citations: { filename: string; text: string }[] } }).flotilla;
    expect(said.citations[0]).toMatchObject({ filename: 'handbook.txt' });
    expect(said.citations.some((citation) => citation.text.includes('31 days'))).toBe(true);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(0);

    const seen = () => shape.traces.spans().filter((span) => span.traceId === traceId);
    const steps = [
      /chat\/completions/,
      /Orchestrator\/Chat/,
      /Safety\/Check/,
      /Rag\/Retrieve/,
      /Router\/Generate/,
      /^chat flotilla-sim/,
    ];
    const missing = () => steps.filter((step) => !seen().some((span) => step.test(span.name)));
    await until(() => missing().length === 0, { timeoutMs: 15_000, what: 'every step of the chat in one trace' });
    if (name === 'mesh') {
      const processes = new Set(seen().map((span) => span.service));
      const expected = ['gateway', 'rate-limiter', 'orchestrator', 'safety', 'rag', 'llm-router'];
      expect([...processes]).toEqual(expect.arrayContaining(expected));
    }
  });

  it('remembers the conversation', async () => {
    const client = shape.openai();
    await client.chat.completions.create(ask('My name is Ada.', { flotilla: { conversation_id: 'conv-1' } }));
    const answer = await client.chat.completions.create(
      ask('What is my name?', { flotilla: { conversation_id: 'conv-1' } }),
    );
    expect(answer.choices[0]?.message.content).toContain('Ada');
    const conversation = (await (await shape.fetch('/v1/conversations/conv-1')).json()) as { turns: unknown[] };
    expect(conversation.turns).toHaveLength(3);
  });

  it('redacts an e-mail address in the answer, however it was cut into pieces', async () => {
    const stream = await shape.openai().chat.completions.create({
      ...ask('Where do questions about payroll go?', { flotilla: { rag: { store_ids: [storeId] } } }),
      stream: true,
    });
    const text = (await Array.fromAsync(stream)).map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    expect(text).toContain('[EMAIL]');
    expect(text).not.toContain('payroll@');
  });

  it('counts all of it in the metrics', async () => {
    const metrics = await (await fetch(`${shape.url}/metrics`)).text();
    expect(metrics).toMatch(/route="\/v1\/chat\/completions"/);
    expect(metrics).toMatch(/_bucket\{/);
  });

  it('has every turn and its usage in the database, once', async () => {
    await until(
      async () => name === 'standalone' || (await shape.rows('select 1 from orchestrator.outbox')).length === 0,
      {
        what: 'the outbox to be empty',
      },
    );
    const turns = await shape.rows<{ n: number }>(
      "select count(*)::int as n from orchestrator.turns where conversation_id = 'conv-1'",
    );
    expect(turns[0]?.n).toBe(3);
    const usage = await shape.rows<{ n: number; requests: number }>(
      'select count(*)::int as n, count(distinct request_id)::int as requests from orchestrator.usage',
    );
    expect(usage[0]).toEqual({ n: 4, requests: 4 });
  });
});
