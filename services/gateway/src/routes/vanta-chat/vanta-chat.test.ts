import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { memoryKeyStore } from '../../access/key-store.fixture.ts';
import { devKey, refuses, reset, saysAndWaits, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
beforeEach(() => reset(platform.behind));
afterAll(() => platform.stop());

const post = (body: object, signal?: AbortSignal) =>
  fetch(`${platform.url}/v1/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });

describe("VANTA's chat", () => {
  it('takes one message and no model, which the router chooses, and answers with text', async () => {
    const answer = (await (await post({ message: 'Hi', temperature: 0.5, max_tokens: 9 })).json()) as object;
    expect(answer).toMatchObject({
      text: 'Hello there',
      model: 'm',
      choices: [{ message: { role: 'assistant', content: 'Hello there' }, finish_reason: 'stop' }],
      usage: { total_tokens: 10 },
    });
    expect(platform.behind.chats[0]).toMatchObject({
      model: 'auto',
      maxTokens: 9,
      parametersJson: '{"temperature":0.5}',
    });
  });

  it('takes messages, a model and a conversation', async () => {
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hi' },
    ];
    await post({ messages, model: 'org/model:7b', conversation_id: 'c-1', flotilla: { rag: true } });
    expect(platform.behind.chats[0]).toMatchObject({
      ...{ model: 'org/model:7b', conversationId: 'c-1', retrieval: { storeIds: [] } },
      messages: [{ role: 'system' }, { role: 'user', content: 'Hi' }],
    });
  });

  it("streams OpenAI's chunks", async () => {
    const text = await (await post({ message: 'Hi', stream: true })).text();
    expect(text).toContain('"object":"chat.completion.chunk"');
    expect(text).toContain('"content":"Hello"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('is refused by limits', async () => {
    platform.behind.reserve = async () => refuses('requests_per_minute', 1_000);
    expect((await post({ message: 'Hi' })).status).toBe(429);
  });

  it('fails as the engine fails', async () => {
    platform.behind.chat = async function* () {
      throw new FlotillaError('engine_unavailable');
    };
    expect((await post({ message: 'Hi' })).status).toBe(503);
  });

  it('ends when the client leaves', async () => {
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const leaving = new AbortController();
    const answer = post({ message: 'Hi' }, leaving.signal).catch((error: Error) => error.name);
    await waits.started;
    leaving.abort();
    await waits.left;
    expect(await answer).toBe('AbortError');
  });

  it.each([
    ['nothing', {}, 'messages'],
    ['both', { message: 'a', messages: [{ role: 'user', content: 'a' }] }, 'message'],
    ['a number', { message: 5 }, 'message'],
    ['a role nobody has', { messages: [{ role: 'robot', content: 'a' }] }, 'messages[0].role'],
    ['a number as model', { message: 'a', model: 5 }, 'model'],
    ['an impossible conversation', { message: 'a', conversation_id: 'a b' }, 'conversation_id'],
    ['text for a flag', { message: 'a', stream: 'yes' }, 'stream'],
  ])('refuses %s with the path of the field', async (_given, body, param) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } });
    expect(platform.behind.reserves).toEqual([]);
  });
});

describe('a key that may use some models only', () => {
  it('lets the router choose among those, and is never told of others', async () => {
    const keyStore = memoryKeyStore();
    const limited = await startPlatform({}, { keyStore });
    for (const [hash, record] of keyStore.records) keyStore.records.set(hash, { ...record, models: ['org/*'] });
    const ask = (body: object) =>
      fetch(`${limited.url}/v1/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await ask({ message: 'Hi' })).status).toBe(200);
    expect((await ask({ message: 'Hi', model: 'auto:best' })).status).toBe(200);
    expect(limited.behind.chats.map(({ model, caller }) => [model, caller?.models])).toEqual([
      ['auto', ['org/*']],
      ['auto:best', ['org/*']],
    ]);
    expect((await ask({ message: 'Hi', model: 'm' })).status).toBe(403);
    await limited.stop();
  });
});
