import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import OpenAI from 'openai';
import {
  allows,
  choice,
  devKey,
  event,
  finished,
  refuses,
  reset,
  says,
  startPlatform,
  type Platform,
} from '../platform.fixture.ts';

let platform: Platform;
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  platform = await startPlatform();
  openai = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: devKey, maxRetries: 2 });
  anthropic = new Anthropic({ baseURL: platform.url, apiKey: devKey, maxRetries: 2 });
});
beforeEach(() => reset(platform.behind));
afterAll(() => platform.stop());

const messages = [{ role: 'user' as const, content: 'Hi' }];

/** Refuses so many requests, each for `retryAfterMs`. */
function refuse(times: number, retryAfterMs: number): void {
  platform.behind.reserve = async () =>
    platform.behind.reserves.length <= times ? refuses('requests_per_minute', retryAfterMs) : allows();
}

/** A tool call as engines stream it. */
const calls: Platform['behind']['chat'] = async function* ({ stream }) {
  const call = (fields: object) => choice({ toolCallsJson: JSON.stringify([{ index: 0, ...fields }]) });
  if (stream) {
    yield call({ id: 't1', type: 'function', function: { name: 'weather', arguments: '{"at":' } });
    yield call({ function: { arguments: '"sea"}' } });
  } else yield call({ id: 't1', type: 'function', function: { name: 'weather', arguments: '{"at":"sea"}' } });
  yield choice({ finishReason: 'tool_calls' });
  yield finished;
};

describe("OpenAI's client", () => {
  const parameters = { type: 'object', properties: { at: { type: 'string' } } };
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];

  it('chats, whole and streamed', async () => {
    const whole = await openai.chat.completions.create({ model: 'm', messages });
    expect(whole.choices[0]!.message.content).toBe('Hello there');
    const streamed = await openai.chat.completions.stream({ model: 'm', messages }).finalChatCompletion();
    expect(streamed.choices[0]!.message.content).toBe('Hello there');
  });

  it.each([true, false])('gets tool calls (streamed: %s)', async (stream) => {
    platform.behind.chat = calls;
    const body = { model: 'm', messages, tools };
    const answer = stream
      ? await openai.chat.completions.stream(body).finalChatCompletion()
      : await openai.chat.completions.create(body);
    expect(answer.choices[0]).toMatchObject({
      ...{ finish_reason: 'tool_calls' },
      message: { tool_calls: [{ id: 't1', function: { name: 'weather', arguments: '{"at":"sea"}' } }] },
    });
  });

  it('completes, whole and streamed', async () => {
    const whole = await openai.completions.create({ model: 'm', prompt: 'Hi' });
    expect(whole.choices[0]!.text).toBe('Hello there');
    let text = '';
    for await (const part of await openai.completions.create({ model: 'm', prompt: 'Hi', stream: true })) {
      text += part.choices[0]?.text ?? '';
    }
    expect(text).toBe('Hello there');
  });

  it('embeds, in base64 on its way', async () => {
    const { data, usage } = await openai.embeddings.create({ model: 'm', input: ['a', 'b'] });
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [0, 0.5],
      [1, 0.5],
    ]);
    expect(usage.prompt_tokens).toBe(4);
  });

  it('moderates', async () => {
    const { results } = await openai.moderations.create({ input: 'a' });
    expect(results[0]!.flagged).toBe(false);
    expect(results[0]!.categories.violence).toBe(false);
  });

  it('throws by class: a wrong key, a model that is not there, a body that is wrong', async () => {
    const stranger = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: 'sk-wrong-0123456789' });
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(openai.models.retrieve('nope')).rejects.toThrow(OpenAI.NotFoundError);
    await expect(openai.completions.create({ model: 'm', prompt: [1] })).rejects.toThrow(OpenAI.BadRequestError);
  });

  it('comes again when a limit says so, and then gets its answer', async () => {
    refuse(2, 5);
    await openai.chat.completions.create({ model: 'm', messages });
    expect(platform.behind.reserves).toHaveLength(3);
  });

  it('does not come again for what can never pass', async () => {
    refuse(9, 0);
    await expect(openai.chat.completions.create({ model: 'm', messages })).rejects.toThrow(OpenAI.RateLimitError);
    expect(platform.behind.reserves).toHaveLength(1);
  });

  it('comes again when no engine answers', async () => {
    platform.behind.chat = async function* (request, context) {
      if (platform.behind.chats.length === 1)
        throw new FlotillaError('engine_unavailable', '', { details: { retryAfterMs: 5 } });
      yield* says('At last')(request, context);
    };
    const answer = await openai.chat.completions.create({ model: 'm', messages });
    expect(answer.choices[0]!.message.content).toBe('At last');
  });
});

describe("Anthropic's client", () => {
  const input_schema = { type: 'object' as const, properties: { at: { type: 'string' } } };
  const body = { model: 'm', max_tokens: 50, messages };

  it('sends messages, whole and streamed', async () => {
    const text = { type: 'text', text: 'Hello there' };
    const whole = await anthropic.messages.create(body);
    expect(whole).toMatchObject({ role: 'assistant', content: [text], stop_reason: 'end_turn' });
    expect(whole.usage).toMatchObject({ input_tokens: 5, output_tokens: 3, cache_read_input_tokens: 2 });
    const streamed = await anthropic.messages.stream(body).finalMessage();
    expect(streamed).toMatchObject({ content: [text], stop_reason: 'end_turn', usage: { output_tokens: 3 } });
  });

  it.each([true, false])('gets tool calls, and sends their results (streamed: %s)', async (stream) => {
    platform.behind.chat = calls;
    const asked = { ...body, tools: [{ name: 'weather', input_schema }] };
    const answer = await (stream ? anthropic.messages.stream(asked).finalMessage() : anthropic.messages.create(asked));
    expect(answer).toMatchObject({
      content: [{ type: 'tool_use', id: 't1', name: 'weather', input: { at: 'sea' } }],
      stop_reason: 'tool_use',
    });
    platform.behind.chat = says('Windy');
    const result = { type: 'tool_result' as const, tool_use_id: 't1', content: 'wind' };
    await anthropic.messages.create({
      ...asked,
      messages: [...messages, { role: 'assistant', content: answer.content }, { role: 'user', content: [result] }],
    });
    expect(platform.behind.chats.at(-1)!.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', toolCallsJson: expect.stringContaining('"arguments":"{\\"at\\":\\"sea\\"}"') },
      { role: 'tool', toolCallId: 't1', content: 'wind' },
    ]);
  });

  it('counts tokens', async () => {
    const { input_tokens: tokens } = await anthropic.messages.countTokens({ model: 'm', messages });
    expect(tokens).toBeGreaterThan(0);
  });

  it('throws by class: a wrong key, a model that is not there, a body that is wrong', async () => {
    const stranger = new Anthropic({ baseURL: platform.url, apiKey: 'sk-wrong-0123456789' });
    await expect(stranger.messages.create(body)).rejects.toThrow(Anthropic.AuthenticationError);
    await expect(anthropic.messages.create({ ...body, max_tokens: 0 })).rejects.toThrow(Anthropic.BadRequestError);
    platform.behind.chat = async function* () {
      throw new FlotillaError('model_not_found');
    };
    const missing = anthropic.messages.create(body);
    await expect(missing).rejects.toThrow(Anthropic.NotFoundError);
    await expect(missing).rejects.toMatchObject({ type: 'not_found_error', requestID: expect.stringMatching(/^req_/) });
  });

  it('throws what breaks a stream off', async () => {
    platform.behind.chat = async function* () {
      yield choice({ content: 'half' });
      yield event({ $case: 'failure', value: { code: 'engine_error', message: 'The engine went away.' } });
    };
    await expect(anthropic.messages.stream(body).finalMessage()).rejects.toThrow('The engine went away.');
  });

  it('comes again when a limit says so, and not for what can never pass', async () => {
    refuse(2, 5);
    await anthropic.messages.create(body);
    expect(platform.behind.reserves).toHaveLength(3);
    platform.behind.reserves.length = 0;
    refuse(9, 0);
    await expect(anthropic.messages.create(body)).rejects.toThrow(Anthropic.RateLimitError);
    expect(platform.behind.reserves).toHaveLength(1);
  });
});
