import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import OpenAI from 'openai';
import { shapes, Shape } from './shape.ts';

const question = { model: 'flotilla-sim', messages: [{ role: 'user' as const, content: 'What is a mesh?' }] };

describe.each(shapes)('the life of an organisation on %s', (name) => {
  let shape: Shape;
  let client: OpenAI;
  let keyId = '';
  let chats = 0;
  beforeAll(async () => void (shape = await Shape.start(name)), 120_000);
  afterAll(() => shape?.stop(), 60_000);

  async function admin<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T> {
    const init = { method, ...(body && { body: JSON.stringify(body) }) };
    const response = await shape.fetch(`/admin/api${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
  const makeKey = (body: object) => admin<{ id: string; secret: string }>('POST', '/orgs/acme/keys', body);

  it('begins with a tier, an organisation and a key that is shown once', async () => {
    await admin('PUT', '/tiers/small', {
      requests_per_minute: 1_000,
      tokens_per_week: 100_000,
      org: { requests_per_day: 50 },
    });
    await admin('POST', '/orgs', { id: 'acme', name: 'Acme', tier: 'small' });
    const { id, secret } = await makeKey({ name: 'first' });
    keyId = id;
    client = shape.openai(secret);
    expect(JSON.stringify(await admin('GET', `/keys/${id}`))).not.toContain(secret);
  });

  it('chats, and is told by each answer what is left of every limit', async () => {
    const headers = async () => {
      chats += 1;
      return (await client.chat.completions.create(question).withResponse()).response.headers;
    };
    // On a busy machine a limiter may be late for a request: that one passes by local limits, and is told nothing.
    await until(async () => (await headers()).get('x-ratelimit-limit-requests') === '50', { timeoutMs: 10_000 });
    expect((await headers()).get('ratelimit-policy')).toContain('q=100000');
    chats += 1;
    const stream = await client.chat.completions.create({ ...question, stream: true });
    expect((await Array.fromAsync(stream)).length).toBeGreaterThan(2);
  });

  it('is told what it used, to the token, and so is the administrator', async () => {
    chats += 1;
    const { usage } = await client.chat.completions.create(question);
    const bearer = { authorization: `Bearer ${client.apiKey}` };
    const own = async () => (await (await shape.fetch('/v1/usage', { headers: bearer })).json()) as Report;
    const counted = async () => (await own()).total.requests === chats;
    await until(counted, { timeoutMs: 15_000, what: `the ledger has all ${chats} chats` });
    const report = await admin<Report>('GET', '/usage?org=acme&group_by=model');
    expect(report.total).toEqual((await own()).total);
    expect(report.total.prompt_tokens).toBe(chats * (usage?.prompt_tokens ?? NaN));
    expect(report.total.completion_tokens).toBeGreaterThanOrEqual(usage?.completion_tokens ?? NaN);
  });

  it('is stopped by a rule of its own, in the shape of the API, and by nothing of another organisation', async () => {
    await admin('PUT', '/orgs/acme/rules/no-mesh', {
      kind: 'block',
      pattern: '(?i)mesh',
      message: 'Ask the mesh team.',
    });
    const blocked = async () => (await client.chat.completions.create(question)).choices[0];
    await until(async () => (await blocked())?.finish_reason === 'content_filter', { timeoutMs: 10_000 });
    expect((await blocked())?.message.content).toBe('Ask the mesh team.');
    expect((await shape.openai().chat.completions.create(question)).choices[0]?.finish_reason).toBe('stop');
    await admin('DELETE', '/orgs/acme/rules/no-mesh');
    await until(async () => (await blocked())?.finish_reason === 'stop', { timeoutMs: 10_000 });
  });

  it('is refused by the limit of the organisation whatever key it takes, and told which', async () => {
    await admin('PATCH', '/orgs/acme', { limits: { requests_per_day: 1 } });
    const second = shape.openai((await makeKey({ name: 'second' })).secret);
    const refused = async () => second.chat.completions.create(question).catch((error: unknown) => error);
    await until(async () => (await refused()) instanceof OpenAI.RateLimitError, { timeoutMs: 10_000 });
    const error = (await refused()) as InstanceType<typeof OpenAI.RateLimitError>;
    expect(error.message).toMatch(/requests per day.*organisation/);
    expect(error.headers?.get('x-should-retry')).toBe('false');
    await admin('PATCH', '/orgs/acme', { limits: {} });
  });

  it('loses a revoked key at once, and finds every change in the audit log', async () => {
    await admin('POST', `/keys/${keyId}/revoke`);
    await until(
      () =>
        client.models.list().then(
          () => false,
          (error: unknown) => error instanceof OpenAI.AuthenticationError,
        ),
      {
        timeoutMs: 5_000,
      },
    );
    const { data } = await admin<{ data: { action: string }[] }>('GET', '/audit?org=acme&limit=100');
    const actions = data.map(({ action }) => action);
    expect(actions).toEqual(
      expect.arrayContaining(['org.create', 'key.create', 'rule.put', 'rule.delete', 'key.revoke']),
    );
    expect(JSON.stringify(data)).not.toContain(client.apiKey);
  });
});

interface Report {
  total: { requests: number; prompt_tokens: number; completion_tokens: number; cost_usd: number };
}
