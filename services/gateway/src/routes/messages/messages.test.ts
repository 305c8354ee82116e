import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import {
  allows,
  answerer,
  choice,
  devKey,
  event,
  finished,
  refuses,
  reset,
  says,
  saysAndWaits,
  startPlatform,
  type Platform,
} from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ bodyLimit: 100_000 });
});
beforeEach(() => reset(platform.behind));
afterAll(() => platform.stop());

const messages = [{ role: 'user', content: 'Hi' }];
const send = (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${platform.url}/v1/messages${path}`, {
    method: 'POST',
    headers: { 'x-api-key': devKey, 'anthropic-version': '2023-06-01', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
const post = (body: object = {}, signal?: AbortSignal) =>
  send('', { model: 'm', max_tokens: 50, messages, ...body }, {}, signal);

/** Events as `[name, data]`. */
function eventsOf(text: string): [string, Record<string, never>][] {
  return text
    .trimEnd()
    .split('\n\n')
    .map((frame) => {
      const [event, data] = frame.split('\n') as [string, string];
      return [event.slice('event: '.length), JSON.parse(data.slice('data: '.length)) as Record<string, never>];
    });
}

describe('a message', () => {
  it("is the answer in Anthropic's shape, with its headers", async () => {
    const response = await post();
    expect(await response.json()).toEqual({
      ...{ id: expect.stringMatching(/^msg_[0-9a-f]{32}$/), type: 'message', role: 'assistant', model: 'm' },
      content: [{ type: 'text', text: 'Hello there', citations: null }],
      ...{ stop_reason: 'end_turn', stop_sequence: null },
      usage: { input_tokens: 5, output_tokens: 3, cache_read_input_tokens: 2, cache_creation_input_tokens: 0 },
    });
    const { headers } = response;
    expect(headers.get('request-id')).toBe(headers.get('x-request-id'));
    expect(headers.get('anthropic-ratelimit-requests-limit')).toBe('60');
    expect(headers.get('anthropic-ratelimit-tokens-remaining')).toBe('890');
    expect(Date.parse(headers.get('anthropic-ratelimit-tokens-reset')!)).toBeGreaterThan(Date.now());
  });

  it('asks the engine for what the client asked for', async () => {
    await post({
      system: [
        { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Be brief.' },
      ],
      ...{ temperature: 0.5, top_p: 0.9, top_k: 5, stop_sequences: ['END'], metadata: { user_id: 'u' } },
      tools: [{ name: 'weather', description: 'Tells it', input_schema: { type: 'object', properties: { at: {} } } }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });
    const [{ messages: asked, parametersJson, maxTokens }] = platform.behind.chats as [never];
    expect(asked).toMatchObject([
      { role: 'system', content: 'Be kind.\nBe brief.' },
      { role: 'user', content: 'Hi' },
    ]);
    expect(maxTokens).toBe(50);
    expect(JSON.parse(parametersJson)).toEqual({
      ...{ temperature: 0.5, top_p: 0.9, top_k: 5, stop: ['END'] },
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Tells it',
            parameters: { type: 'object', properties: { at: {} } },
          },
        },
      ],
      ...{ tool_choice: 'required', parallel_tool_calls: false },
    });
  });

  it('may follow tool calls, their results and images', async () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'AAAA' };
    await post({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look:' },
            { type: 'image', source },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 's' },
            { type: 'text', text: 'One moment.' },
            { type: 'tool_use', id: 't1', name: 'zoom', input: { by: 2 } },
            { type: 'tool_use', id: 't2', name: 'count', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'image', source }] },
            { type: 'tool_result', tool_use_id: 't2', content: 'none', is_error: true },
            { type: 'text', text: 'Well?' },
          ],
        },
      ],
    });
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    const [first, second, third, fourth, fifth] = platform.behind.chats[0]!.messages;
    expect(JSON.parse(first!.partsJson)).toEqual([{ type: 'text', text: 'Look:' }, image]);
    expect(second).toMatchObject({ role: 'assistant', content: 'One moment.' });
    expect(JSON.parse(second!.toolCallsJson)).toEqual([
      { id: 't1', type: 'function', function: { name: 'zoom', arguments: '{"by":2}' } },
      { id: 't2', type: 'function', function: { name: 'count', arguments: '{}' } },
    ]);
    expect(third).toMatchObject({ role: 'tool', toolCallId: 't1', content: '' });
    expect(fourth).toMatchObject({ role: 'tool', toolCallId: 't2', content: 'Error: none' });
    expect(JSON.parse(fifth!.partsJson)).toEqual([image, { type: 'text', text: 'Well?' }]);
  });

  it('has the tools that the model uses as blocks, and says so', async () => {
    platform.behind.chat = async function* () {
      const call = (id: string, text: string) => ({ id, type: 'function', function: { name: 'f', arguments: text } });
      const toolCallsJson = JSON.stringify([
        call('t1', '{"a":1}'),
        call('t2', ''),
        call('t3', '{"a":'),
        call('t4', '[1]'),
      ]);
      yield choice({ content: 'So: ', toolCallsJson, finishReason: 'tool_calls' });
      yield finished;
    };
    expect(await (await post()).json()).toMatchObject({
      content: [
        { type: 'text', text: 'So: ' },
        { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
        { type: 'tool_use', id: 't2', input: {} },
        { type: 'tool_use', id: 't3', input: { arguments: '{"a":' } },
        { type: 'tool_use', id: 't4', input: { arguments: '[1]' } },
      ],
      stop_reason: 'tool_use',
    });
  });

  it.each([
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['stop', 'end_turn'],
  ])('that ended by %s says %s', async (finishReason, reason) => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'a', finishReason });
      yield finished;
    };
    expect(await (await post()).json()).toMatchObject({ stop_reason: reason });
  });

  it.each([
    ['END', { finishReason: 'stop', stopSequence: 'END' }, 'stop_sequence', 'END'],
    ['one of the engine’s own', { finishReason: 'stop', stopSequence: '<|im_end|>' }, 'end_turn', null],
    ['none', { finishReason: 'stop' }, 'end_turn', null],
    ['a tool call, whatever it met', { finishReason: 'tool_calls', stopSequence: 'END' }, 'tool_use', null],
  ])('that ended by %s says so, streamed and whole', async (_what, end, stop_reason, stop_sequence) => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'a' });
      yield choice(end);
      yield finished;
    };
    const asked = { stop_sequences: ['###', 'END'] };
    expect(await (await post(asked)).json()).toMatchObject({ stop_reason, stop_sequence });
    const events = eventsOf(await (await post({ ...asked, stream: true })).text());
    expect(events.at(-2)).toMatchObject(['message_delta', { delta: { stop_reason, stop_sequence } }]);
  });

  it('shows what the model thought to those who asked for it only', async () => {
    platform.behind.chat = async function* () {
      yield choice({ reasoning: 'Hm.', content: 'a', finishReason: 'stop' });
      yield finished;
    };
    const asked = (await (await post({ thinking: { type: 'enabled', budget_tokens: 1_024 } })).json()) as object;
    expect(asked).toMatchObject({ content: [{ type: 'thinking', thinking: 'Hm.' }, { type: 'text' }] });
    expect(await (await post()).json()).toMatchObject({ content: [{ type: 'text', text: 'a' }] });
  });
});

describe('a streamed message', () => {
  it('comes in blocks, each begun, filled and ended, with usage at the end', async () => {
    platform.behind.chat = async function* () {
      const call = (index: number, piece: object, id?: string) =>
        choice({ toolCallsJson: JSON.stringify([{ index, ...(id && { id, type: 'function' }), function: piece }]) });
      yield answerer;
      yield choice({ role: 'assistant' });
      yield choice({ content: 'So' });
      yield choice({ content: ': ' });
      yield call(0, { name: 'f', arguments: '' }, 't1');
      yield call(0, { arguments: '{"a"' });
      yield call(0, { arguments: ':1}' });
      yield call(1, { name: 'g', arguments: '{}' }, 't2');
      yield choice({ finishReason: 'tool_calls' });
      yield finished;
    };
    const events = eventsOf(await (await post({ stream: true })).text());
    for (const [name, data] of events) expect(data).toMatchObject({ type: name });
    const shown = events.map(([name, { index, delta, content_block: block }]) => [
      ...[name.replace('content_block_', ''), index, delta ?? block].filter((part) => part !== undefined),
    ]);
    expect(shown).toEqual([
      ['message_start'],
      ['start', 0, { type: 'text', text: '', citations: null }],
      ['delta', 0, { type: 'text_delta', text: 'So' }],
      ['delta', 0, { type: 'text_delta', text: ': ' }],
      ['stop', 0],
      ['start', 1, { type: 'tool_use', id: 't1', name: 'f', input: {} }],
      ['delta', 1, { type: 'input_json_delta', partial_json: '{"a"' }],
      ['delta', 1, { type: 'input_json_delta', partial_json: ':1}' }],
      ['stop', 1],
      ['start', 2, { type: 'tool_use', id: 't2', name: 'g', input: {} }],
      ['delta', 2, { type: 'input_json_delta', partial_json: '{}' }],
      ['stop', 2],
      ['message_delta', { stop_reason: 'tool_use', stop_sequence: null }],
      ['message_stop'],
    ]);
    expect(events.at(-2)![1]).toMatchObject({ usage: { input_tokens: 5, output_tokens: 3 } });
  });

  it('is kept alive by pings while a model starts', async () => {
    platform.behind.chat = async function* () {
      yield event({ $case: 'waiting', value: { reason: 'starting' } });
      yield* says('late')({ stream: true } as never, undefined as never);
    };
    const names = eventsOf(await (await post({ stream: true })).text()).map(([name]) => name);
    expect(names.slice(0, 2)).toEqual(['ping', 'message_start']);
  });

  it('that fails under way ends with an error event and no message_stop', async () => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'half' });
      yield event({ $case: 'failure', value: { code: 'overloaded', message: 'Too much.' } });
    };
    const events = eventsOf(await (await post({ stream: true })).text());
    expect(events.at(-1)).toMatchObject(['error', { error: { type: 'overloaded_error', message: 'Too much.' } }]);
    expect(events.map(([name]) => name)).not.toContain('message_stop');
  });

  it('that is cut off without a word ends the same way', async () => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'half' });
    };
    const text = await (await post({ stream: true })).text();
    expect(eventsOf(text).at(-1)).toMatchObject(['error', { error: { type: 'api_error', code: 'engine_error' } }]);
  });

  it('that fails before its first block is an HTTP error', async () => {
    platform.behind.chat = async function* () {
      throw new FlotillaError('model_not_found');
    };
    const response = await post({ stream: true });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });

  it('ends its engine when the client leaves', async () => {
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const leaving = new AbortController();
    const answer = post({ stream: true }, leaving.signal)
      .then((response) => response.text())
      .catch((error: Error) => error.name);
    await waits.started;
    leaving.abort();
    await waits.left;
    expect(await answer).toBe('AbortError');
  });
});

describe('tokens', () => {
  it('are counted without asking an engine', async () => {
    const response = await send('/count_tokens', { model: 'm', messages, system: 'Be kind.' });
    const { input_tokens: tokens } = (await response.json()) as { input_tokens: number };
    expect(tokens).toBeGreaterThan(2);
    expect(tokens).toBeLessThan(40);
    expect(platform.behind.chats).toEqual([]);
  });
});

describe('errors', () => {
  const shape = (type: string, fields: object = {}) => ({
    ...{ type: 'error', error: { type, message: expect.any(String), ...fields }, request_id: expect.any(String) },
  });

  it('of limits say when to come again, in the headers of both', async () => {
    platform.behind.reserve = async () => ({
      ...allows(0),
      ...refuses('requests_per_minute', 1_500),
      ...{ limits: allows().limits },
    });
    const response = await post();
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject(shape('rate_limit_error'));
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('anthropic-ratelimit-requests-limit')).toBe('60');
    expect(response.headers.get('anthropic-ratelimit-requests-reset')).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(platform.behind.chats).toEqual([]);
  });

  it.each([
    ['a wrong key', () => send('', {}, { 'x-api-key': 'sk-wrong-0123456789' }), 401, 'authentication_error'],
    ['no such URL', () => send('/nope', {}), 404, 'not_found_error'],
    ['another method', () => fetch(`${platform.url}/v1/messages`), 405, 'invalid_request_error'],
    ['too large a body', () => send('', { model: 'a'.repeat(100_001) }), 413, 'request_too_large'],
    ['another type of body', () => send('', 'a', { 'content-type': 'text/plain' }), 415, 'invalid_request_error'],
    ['no JSON', () => send('', '{'), 400, 'invalid_request_error'],
  ])("are Anthropic's also before there is a handler: %s", async (_given, run, status, type) => {
    const response = await run();
    expect(response.status).toBe(status);
    const body = (await response.json()) as { request_id: string };
    expect(body).toMatchObject(shape(type));
    expect(response.headers.get('request-id')).toBe(body.request_id);
  });

  it.each([
    ['no maximum', { max_tokens: undefined }, 'max_tokens'],
    ['no messages', { messages: [] }, 'messages'],
    ['a system message among them', { messages: [{ role: 'system', content: 'a' }] }, 'messages[0].role'],
    ['no content', { messages: [{ role: 'user', content: [] }] }, 'messages[0].content'],
    ['a number as content', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    [
      'a block nobody has',
      { messages: [{ role: 'user', content: [{ type: 'video' }] }] },
      'messages[0].content[0].type',
    ],
    [
      'an image that is none',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'image', source: { type: 'base64', media_type: 'text/html', data: 'A' } }],
          },
        ],
      },
      'messages[0].content[0].source.media_type',
    ],
    [
      'a tool call of the user',
      { messages: [{ role: 'user', content: [{ type: 'tool_use', id: 't', name: 'f', input: {} }] }] },
      'messages[0].content[0].type',
    ],
    ["a tool of Anthropic's", { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0].type'],
    ['a server', { mcp_servers: [{ url: 'https://x' }] }, 'mcp_servers'],
    ['a choice nobody has', { tool_choice: { type: 'maybe' } }, 'tool_choice.type'],
    ['a temperature of 2', { temperature: 2 }, 'temperature'],
    ['text for a flag', { stream: 'yes' }, 'stream'],
    ['a wrong extension', { flotilla: { rag: 'yes' } }, 'flotilla.rag'],
  ])('name the field that is wrong: %s', async (_given, body, param) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject(shape('invalid_request_error', { param }));
    expect(platform.behind.reserves).toEqual([]);
  });
});
