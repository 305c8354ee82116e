import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { devKey, startPlatform, type Platform } from '../platform.fixture.ts';

const message = 'We do not talk about this.';
let platform: Platform;
beforeAll(async () => {
  const rules = `rules: [{ id: secret, kind: block, pattern: 'project x', message: '${message}' }]`;
  platform = await startPlatform({}, { yaml: rules });
});
afterAll(() => platform.stop());

const messages = [{ role: 'user', content: 'Tell me of project x.' }];
const surfaces: [path: string, body: object, whole: object, last: string][] = [
  [
    '/v1/chat/completions',
    { messages },
    { choices: [{ message: { content: message }, finish_reason: 'content_filter' }], usage: { total_tokens: 0 } },
    'data: [DONE]',
  ],
  [
    '/v1/chat',
    { messages },
    { text: message, choices: [{ finish_reason: 'content_filter' }], usage: { total_tokens: 0 } },
    'data: [DONE]',
  ],
  [
    '/v1/completions',
    { prompt: 'Tell me of project x.' },
    { choices: [{ text: message, finish_reason: 'content_filter' }], usage: { total_tokens: 0 } },
    'data: [DONE]',
  ],
  [
    '/v1/messages',
    { messages, max_tokens: 9 },
    { content: [{ text: message }], stop_reason: 'refusal', usage: { input_tokens: 0, output_tokens: 0 } },
    'event: message_stop\ndata: {"type":"message_stop"}',
  ],
];

describe.each(surfaces)('a prompt that a rule blocks, by %s', (path, body, whole, last) => {
  const post = (fields: object = {}) =>
    fetch(platform.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', ...body, ...fields }),
    });

  it("is answered with the rule's message in the API's own shape, and costs nothing", async () => {
    const response = await post();
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject(whole);
    expect(platform.behind.reserves).toEqual([]);
    expect(platform.behind.chats).toEqual([]);
  });

  it('is answered so in a stream, too', async () => {
    const text = await (await post({ stream: true })).text();
    expect(text).toContain(message);
    expect(text.trimEnd().split('\n\n').at(-1)).toBe(last);
    expect(platform.behind.chats).toEqual([]);
  });
});

describe('a text that a rule blocks, by /v1/embeddings', () => {
  it("is refused with the rule's message: there are no vectors to say it in", async () => {
    const response = await fetch(`${platform.url}/v1/embeddings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', input: ['harmless', 'all of project x'] }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'content_filter', message, param: 'input' } });
    expect(platform.behind.embeds).toEqual([]);
  });
});
