import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import OpenAI from 'openai';
import {
  allows,
  answerer,
  choice,
  devKey,
  event,
  finished,
  reset,
  says,
  saysAndWaits,
  startPlatform,
  type Platform,
} from '../../platform.fixture.ts';

let platform: Platform;
let openai: OpenAI;
const messages = [{ role: 'user' as const, content: 'Hi' }];

beforeAll(async () => {
  platform = await startPlatform();
  openai = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: devKey, maxRetries: 0 });
});
beforeEach(() => reset(platform.behind));
afterAll(() => platform.stop());

const post = (body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${platform.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });

describe('a whole answer', () => {
  it('is what the official client expects', async () => {
    const answer = await openai.chat.completions.create({ model: 'm', messages });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'm',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'Hello there', refusal: null }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, prompt_tokens_details: { cached_tokens: 2 } },
      system_fingerprint: 'fp_1',
    });
    expect(answer.id).toMatch(/^chatcmpl-[0-9a-f]{32}$/);
    expect(answer).not.toHaveProperty('flotilla');
  });

  it('tells limits, times and ids in its headers', async () => {
    const { headers } = await post({ model: 'm', messages }, { 'x-request-id': 'mine-1' });
    expect(headers.get('x-request-id')).toBe('mine-1');
    expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/);
    expect(headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(headers.get('x-ratelimit-remaining-tokens')).toBe('890');
    expect(headers.get('x-ratelimit-reset-tokens')).toBe('1m30s');
  });

  it('is billed under an id of its own, however often the client repeats its x-request-id', async () => {
    await post({ model: 'm', messages }, { 'x-request-id': 'same' });
    await post({ model: 'm', messages }, { 'x-request-id': 'same' });
    const ids = platform.behind.chats.map(({ caller }) => caller!.requestId);
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain('same');
  });

  it('keeps tool calls, refusals and several choices in order', async () => {
    platform.behind.chat = async function* () {
      yield answerer;
      yield choice({ index: 1, role: 'assistant', refusal: 'No.', finishReason: 'stop' });
      yield choice({
        index: 0,
        toolCallsJson: '[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]',
        finishReason: 'tool_calls',
      });
      yield finished;
    };
    const { choices } = await openai.chat.completions.create({ model: 'm', messages, n: 2 });
    expect(choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
      [0, 'tool_calls'],
      [1, 'stop'],
    ]);
    expect(choices[0]!.message).toMatchObject({ content: null, tool_calls: [{ id: 't1' }] });
    expect(choices[1]!.message).toMatchObject({ content: null, refusal: 'No.' });
  });

  it('tells what else its engine said of each choice', async () => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'a', extraJson: '{"token_ids":[5]}' });
      yield choice({ finishReason: 'stop' });
      yield choice({ index: 1, content: 'b', finishReason: 'stop' });
      yield finished;
    };
    const { choices } = (await (await post({ model: 'm', messages, n: 2 })).json()) as {
      choices: { flotilla?: object }[];
    };
    expect(choices.map(({ flotilla }) => flotilla)).toEqual([{ engine: { token_ids: [5] } }, undefined]);
  });

  it('is an error when the events end without an end', async () => {
    platform.behind.chat = async function* () {
      yield answerer;
      yield choice({ content: 'half' });
    };
    const response = await post({ model: 'm', messages });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'engine_error', type: 'api_error', param: null } });
  });
});

describe('a streamed answer', () => {
  it('is what the official client expects', async () => {
    const chunks = [];
    const stream = await openai.chat.completions.create({ model: 'm', messages, stream: true });
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { content: 'Hello' },
      { content: ' there' },
      {},
    ]);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop');
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it('ends with usage when asked for it, and only then', async () => {
    const body = { model: 'm', messages, stream: true };
    const [without, withUsage] = await Promise.all([
      post(body).then((response) => response.text()),
      post({ ...body, stream_options: { include_usage: true } }).then((response) => response.text()),
    ]);
    expect(without).not.toContain('usage');
    const frames = withUsage.trimEnd().split('\n\n');
    expect(frames.at(-1)).toBe('data: [DONE]');
    expect(JSON.parse(frames.at(-2)!.slice(6))).toMatchObject({ choices: [], usage: { total_tokens: 10 } });
    expect(JSON.parse(frames[0]!.slice(6))).toMatchObject({ usage: null });
  });

  it('carries citations, notices and the conversation on its first chunk', async () => {
    platform.behind.chat = async function* () {
      yield answerer;
      yield event({
        $case: 'citations',
        value: {
          citations: [
            { number: 1, storeId: 'vs_1', documentId: 'file-1', filename: 'a.txt', chunk: 0, text: 'T', score: 0.5 },
          ],
        },
      });
      yield event({ $case: 'notice', value: { code: 'safety_unchecked', message: 'Not checked.' } });
      yield choice({ content: 'See [1].' });
      yield choice({ finishReason: 'stop' });
      yield finished;
    };
    const body = {
      model: 'm',
      messages,
      stream: true,
      flotilla: { conversation_id: 'c-1', rag: { store_ids: ['vs_1'], limit: 3 } },
    };
    const frames = (await (await post(body)).text()).split('\n\n');
    expect(JSON.parse(frames[0]!.slice(6))).toMatchObject({
      choices: [{ delta: { role: 'assistant' } }],
      flotilla: {
        conversation_id: 'c-1',
        citations: [
          { number: 1, store_id: 'vs_1', file_id: 'file-1', filename: 'a.txt', chunk: 0, text: 'T', score: 0.5 },
        ],
        notices: [{ code: 'safety_unchecked', message: 'Not checked.' }],
      },
    });
    expect(frames.slice(1).join('')).not.toContain('flotilla');
    expect(platform.behind.chats[0]).toMatchObject({
      conversationId: 'c-1',
      retrieval: { storeIds: ['vs_1'], limit: 3 },
    });
  });

  it('carries every notice once, however late it comes', async () => {
    const notice = (code: string) => event({ $case: 'notice', value: { code, message: code } });
    platform.behind.chat = async function* () {
      yield notice('first');
      yield choice({ content: 'a' });
      yield notice('second');
      yield notice('third');
      yield choice({ content: 'b', finishReason: 'stop' });
      yield notice('last');
      yield finished;
    };
    const text = await (await post({ model: 'm', messages, stream: true })).text();
    const chunks = text
      .trimEnd()
      .split('\n\n')
      .slice(0, -1)
      .map((frame) => JSON.parse(frame.slice(6)) as { flotilla?: { notices: { code: string }[] } });
    const told = chunks.map(({ flotilla }) => flotilla?.notices.map(({ code }) => code)).filter(Boolean);
    expect(told).toEqual([['first'], ['second', 'third'], ['last']]);
    expect(chunks.at(-1)).toMatchObject({ object: 'chat.completion.chunk', choices: [] });
  });

  it('that fails under way ends with an error frame and no [DONE]', async () => {
    platform.behind.chat = async function* () {
      yield answerer;
      yield choice({ content: 'half' });
      yield event({ $case: 'failure', value: { code: 'engine_error', message: 'The engine went away.' } });
    };
    const text = await (await post({ model: 'm', messages, stream: true })).text();
    expect(text).toContain('data: {"error":{"message":"The engine went away."');
    expect(text).not.toContain('[DONE]');
    const stream = await openai.chat.completions.create({ model: 'm', messages, stream: true });
    await expect(async () => {
      for await (const chunk of stream) void chunk;
    }).rejects.toThrow('The engine went away.');
  });

  it('that is cut off without a word ends the same way', async () => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'half' });
    };
    const text = await (await post({ model: 'm', messages, stream: true })).text();
    expect(text).toContain('"code":"engine_error"');
    expect(text).not.toContain('[DONE]');
  });

  it('that fails before its first choice is an HTTP error', async () => {
    platform.behind.chat = async function* () {
      yield answerer;
      throw new FlotillaError('model_not_found', "There is no model 'm'.", { details: { param: 'model' } });
    };
    const response = await post({ model: 'm', messages, stream: true });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: {
        message: "There is no model 'm'.",
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
  });

  it('is kept alive by comments while a model starts', async () => {
    platform.behind.chat = async function* () {
      yield event({ $case: 'waiting', value: { reason: 'starting' } });
      yield* says('late')({ stream: true } as never, undefined as never);
    };
    const text = await (await post({ model: 'm', messages, stream: true })).text();
    expect(text.startsWith(': keep-alive\n\ndata: ')).toBe(true);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });
});

describe('a client that leaves', () => {
  it.each([true, false])('takes its engine along (stream: %s)', async (stream) => {
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const leaving = new AbortController();
    const answer = post({ model: 'm', messages, stream }, {}, leaving.signal)
      .then((response) => response.text())
      .catch((error: Error) => error.name);
    await waits.started;
    leaving.abort();
    await waits.left;
    expect(await answer).toBe('AbortError');
    // What was generated is billed by the orchestrator: nothing is settled here.
    expect(platform.behind.settles).toEqual([]);
  });
});

describe('limits', () => {
  it('cap what the engine is asked for, by choice', async () => {
    platform.behind.reserve = async () => allows(50);
    await post({ model: 'm', messages, max_tokens: 40, n: 2, top_k: 5, temperature: 0.5, user: 'u', seed: null });
    expect(platform.behind.reserves[0]).toMatchObject({
      outputTokens: 80,
      caller: { orgId: 'default', tier: 'dev', keyId: 'key_dev' },
    });
    const [{ maxTokens, choices, parametersJson, reservedTokens }] = platform.behind.chats as [never];
    expect({ maxTokens, choices }).toEqual({ maxTokens: 25, choices: 2 });
    expect(JSON.parse(parametersJson)).toEqual({ top_k: 5, temperature: 0.5, n: 2 });
    expect(reservedTokens).toBe(50 + platform.behind.reserves[0]!.promptTokens);
  });

  it('that are reached answer 429 and say which, how large and when', async () => {
    platform.behind.reserve = async () => ({
      ...allows(0),
      allowed: false,
      refusedBy: 'requests_per_minute',
      retryAfterMs: 1_500,
    });
    const response = await post({ model: 'm', messages });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('retry-after-ms')).toBe('1500');
    expect(response.headers.get('x-should-retry')).toBe('true');
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.message).toContain('60 requests per minute');
    expect(error.message).toContain('1.5 s');
    expect(platform.behind.chats).toEqual([]);
  });

  it('that nobody can be asked about limit nobody', async () => {
    platform.behind.reserve = async () => {
      throw new FlotillaError('unavailable');
    };
    const response = await post({ model: 'm', messages });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBeNull();
    expect(platform.behind.chats[0]).toMatchObject({ maxTokens: 77, reservedTokens: 0 });
  });

  it('that do not answer in time limit nobody', async () => {
    platform.behind.reserve = () => new Promise(() => undefined);
    expect((await post({ model: 'm', messages, max_tokens: 5 })).status).toBe(200);
    expect(platform.behind.chats[0]).toMatchObject({ maxTokens: 5, reservedTokens: 0 });
  });

  it('get back what a chat reserved that never began', async () => {
    platform.behind.chat = async function* () {
      throw new FlotillaError('engine_unavailable');
    };
    const response = await post({ model: 'm', messages });
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('true');
    await until(() => platform.behind.settles.length === 1);
    expect(platform.behind.settles[0]).toMatchObject({ usage: { promptTokens: 0, completionTokens: 0 } });
    expect(platform.behind.settles[0]!.caller!.requestId).toBe(platform.behind.chats[0]!.caller!.requestId);
  });
});
