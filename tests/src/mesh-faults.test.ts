import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '@flotilla/mesh';
import { until, readEvents } from '@flotilla/testkit';
import { Shape } from './shape.ts';

const messages = [{ role: 'user', content: 'Tell me about the fleet.' }];

/** What a client saw of one chat: complete, refused or broken off with a clear error, or something that must not be. */
async function outcomeOf(answer: Promise<Response>): Promise<string> {
  try {
    const response = await answer;
    if (response.status !== 200) {
      const body = (await response.json()) as { error?: { code?: string } };
      return response.status >= 500 && body.error?.code
        ? 'error'
        : `status ${response.status}: ${JSON.stringify(body)}`;
    }
    const { events, done } = await readEvents(response);
    if (done) return events.some((event) => event.error) ? 'error and yet [DONE]' : 'complete';
    return events.at(-1)?.error?.code ? 'error' : 'cut without a word';
  } catch (error) {
    return `connection: ${(error as Error).message}`;
  }
}

describe('services that die in the mesh', () => {
  let shape: Shape;
  beforeAll(
    async () => void (shape = await Shape.start('mesh', { decodeTokensPerSecond: 100, answerTokens: 60 })),
    120_000,
  );
  afterAll(() => shape?.stop(), 60_000);

  it.each(services.filter((service) => service !== 'gateway'))(
    '%s: chats under way end with an answer or a clear error, and new ones work after its return',
    async (service) => {
      const mesh = shape.mesh!;
      const chats = Array.from({ length: 12 }, () => outcomeOf(shape.chat({ messages, stream: true })));
      await until(() => shape.engine.stats().running >= 6, { what: 'chats to run' });
      await mesh.kill(service);
      const during = Array.from({ length: 4 }, () => outcomeOf(shape.chat({ messages, stream: true, max_tokens: 5 })));
      for (const outcome of await Promise.all([...chats, ...during])) expect(['complete', 'error']).toContain(outcome);

      await mesh.start(service);
      const answers = async () =>
        (await outcomeOf(shape.chat({ messages, stream: true, max_tokens: 5 }))) === 'complete';
      await until(answers, { timeoutMs: 5_000, what: `chats to work after the return of ${service}` });
    },
    60_000,
  );

  it('the gateway: its clients are cut off, and a new one serves at the same address', async () => {
    const mesh = shape.mesh!;
    const running = outcomeOf(shape.chat({ messages, stream: true }));
    await until(() => shape.engine.stats().running >= 1, { what: 'the chat to run' });
    await mesh.kill('gateway');
    expect(await running).toMatch(/^(connection|cut without a word)/);
    await until(() => shape.engine.stats().running === 0, { what: 'the engine to be aborted' });
    await mesh.start('gateway');
    expect(await outcomeOf(shape.chat({ messages, stream: true, max_tokens: 5 }))).toBe('complete');
  });

  it('a turn that was answered is in the database exactly once, whenever the orchestrator dies', async () => {
    const mesh = shape.mesh!;
    const answered: string[] = [];
    let turn = 0;
    let stopping = false;
    const talk = async () => {
      while (!stopping && turn < 400) {
        const content = `turn ${(turn += 1)}`;
        const body = {
          messages: [{ role: 'user', content }],
          stream: true,
          max_tokens: 3,
          flotilla: { conversation_id: `c-${turn % 4}` },
        };
        if ((await outcomeOf(shape.chat(body))) === 'complete') answered.push(content);
      }
    };
    const talkers = Array.from({ length: 4 }, talk);
    for (let round = 0; round < 3; round += 1) {
      const before = answered.length;
      await until(() => answered.length > before + 3, { timeoutMs: 10_000, what: 'turns to be answered' });
      await mesh.kill('orchestrator');
      await mesh.start('orchestrator');
    }
    const before = answered.length;
    await until(() => answered.length > before, { timeoutMs: 10_000, what: 'a turn after the last restart' });
    stopping = true;
    await Promise.all(talkers);

    const rows = await shape.rows<{ content: string; n: number }>(
      "select messages->0->>'content' as content, count(*)::int as n from orchestrator.turns group by 1",
    );
    const saved = new Map(rows.map((row) => [row.content, row.n]));
    for (const content of answered) expect({ content, n: saved.get(content) }).toEqual({ content, n: 1 });
    expect([...saved.values()].every((n) => n === 1)).toBe(true);
    const [doubled] = await shape.rows<{ n: number }>(
      'select count(*)::int as n from (select request_id from orchestrator.usage group by 1 having count(*) > 1) as d',
    );
    expect(doubled?.n).toBe(0);
  }, 90_000);

  it.each(['redis', 'nats'] as const)(
    '%s away and back: chats go on',
    async (server) => {
      const { servers } = shape.mesh!;
      await servers[server].kill();
      const during = await outcomeOf(shape.chat({ messages, stream: true, max_tokens: 5 }));
      expect(during).toBe('complete');
      await servers[server].restart();
      expect(await outcomeOf(shape.chat({ messages, stream: true, max_tokens: 5 }))).toBe('complete');
    },
    60_000,
  );

  it('Postgres away: a chat with a conversation ends with a clear error, and works again afterwards', async () => {
    const { servers } = shape.mesh!;
    const body = { messages, stream: true, max_tokens: 5, flotilla: { conversation_id: 'away' } };
    await servers.postgres.kill();
    expect(await outcomeOf(shape.chat(body))).toBe('error');
    await servers.postgres.restart();
    await until(async () => (await outcomeOf(shape.chat(body))) === 'complete', {
      timeoutMs: 15_000,
      what: 'saved chats to work again',
    });
  }, 60_000);
});
