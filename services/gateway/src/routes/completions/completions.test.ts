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
  saysAndWaits,
  startPlatform,
  type Platform,
} from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
beforeEach(() => reset(platform.behind));
afterAll(() => platform.stop());

const post = (body: object, signal?: AbortSignal) =>
  fetch(`${platform.url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', ...body }),
    signal: signal ?? null,
  });

interface Completion {
  choices: { text: string; index: number; finish_reason: string | null; logprobs: object | null }[];
  usage: { total_tokens: number };
}

/** Answers with the prompt, so that answers can be told apart. */
const repeats: Platform['behind']['chat'] = async function* ({ messages, stream }) {
  yield answerer;
  for (const content of ['You said: ', messages[0]!.content]) {
    if (stream) yield choice({ content });
  }
  yield choice({ content: stream ? '' : `You said: ${messages[0]!.content}`, finishReason: 'stop' });
  yield finished;
};

const framesOf = (text: string) => text.trimEnd().split('\n\n');
const objectsOf = (text: string) =>
  framesOf(text)
    .filter((frame) => frame !== 'data: [DONE]')
    .map((frame) => JSON.parse(frame.slice('data: '.length)) as Completion);

describe('a completion', () => {
  it('is a chat of one user message, of 16 tokens when no maximum is named', async () => {
    const response = await post({ prompt: 'Once upon', top_k: 5 });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(await response.json()).toMatchObject({
      id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
      object: 'text_completion',
      model: 'm',
      choices: [{ text: 'Hello there', index: 0, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
    const [{ operation, maxTokens, messages, parametersJson }] = platform.behind.chats as [never];
    expect({ operation, maxTokens }).toEqual({ operation: 'completion', maxTokens: 16 });
    expect(messages).toMatchObject([{ role: 'user', content: 'Once upon' }]);
    expect(JSON.parse(parametersJson)).toEqual({ top_k: 5 });
  });

  it('of several prompts has their choices in order, and is billed as a request for each', async () => {
    platform.behind.chat = repeats;
    const { choices, usage } = (await (await post({ prompt: ['a', 'b', 'c'] })).json()) as Completion;
    expect(choices.map(({ text, index }) => [index, text])).toEqual([
      [0, 'You said: a'],
      [1, 'You said: b'],
      [2, 'You said: c'],
    ]);
    expect(usage.total_tokens).toBe(30);
    expect(new Set(platform.behind.chats.map(({ caller }) => caller!.requestId)).size).toBe(3);
  });

  it('counts several choices of several prompts through', async () => {
    platform.behind.chat = async function* () {
      yield choice({ index: 1, content: 'second', finishReason: 'stop' });
      yield choice({ index: 0, content: 'first', finishReason: 'length' });
      yield finished;
    };
    const { choices } = (await (await post({ prompt: ['a', 'b'], n: 2, best_of: 2 })).json()) as Completion;
    expect(choices.map(({ index, text, finish_reason }) => [index, text, finish_reason])).toEqual([
      [0, 'first', 'length'],
      [1, 'second', 'stop'],
      [2, 'first', 'length'],
      [3, 'second', 'stop'],
    ]);
  });

  it('stands after its prompt when asked to', async () => {
    const whole = (await (await post({ prompt: 'Oh. ', echo: true })).json()) as Completion;
    expect(whole.choices[0]!.text).toBe('Oh. Hello there');
    const pieces = objectsOf(await (await post({ prompt: 'Oh. ', echo: true, stream: true })).text());
    expect(pieces.map(({ choices }) => choices[0]!.text).join('')).toBe('Oh. Hello there');
  });

  it('has the probabilities of its tokens in four lists', async () => {
    const token = (text: string, logprob: number) => ({
      token: text,
      logprob,
      top_logprobs: [{ token: text, logprob }],
    });
    platform.behind.chat = async function* () {
      const logprobsJson = JSON.stringify({ content: [token('Hel', -1), token('lo', -2)] });
      yield choice({ content: 'Hello', logprobsJson, finishReason: 'stop' });
      yield finished;
    };
    const { choices } = (await (await post({ prompt: 'Hi', logprobs: 1 })).json()) as Completion;
    expect(choices[0]!.logprobs).toEqual({
      tokens: ['Hel', 'lo'],
      token_logprobs: [-1, -2],
      top_logprobs: [{ Hel: -1 }, { lo: -2 }],
      text_offset: [0, 3],
    });
    expect(JSON.parse(platform.behind.chats[0]!.parametersJson)).toEqual({ logprobs: true, top_logprobs: 1 });
  });
});

describe('a streamed completion', () => {
  it('comes in pieces, told apart by prompt, with usage when asked for', async () => {
    platform.behind.chat = repeats;
    const body = { prompt: ['a', 'b'], stream: true, stream_options: { include_usage: true } };
    const text = await (await post(body)).text();
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    const objects = objectsOf(text);
    const said = (wanted: number) =>
      objects
        .flatMap(({ choices }) => choices)
        .filter(({ index }) => index === wanted)
        .map((one) => one.text)
        .join('');
    expect([said(0), said(1)]).toEqual(['You said: a', 'You said: b']);
    expect(objects.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 20 } });
    expect(objects[0]).toMatchObject({ object: 'text_completion', usage: null });
  });

  it('tells what else its engine said, streamed and whole', async () => {
    platform.behind.chat = async function* ({ stream }) {
      if (stream) yield choice({ extraJson: '{"load_ms":3}' });
      yield choice({ content: 'a', finishReason: 'stop', extraJson: '{"token_ids":[5]}' });
      yield finished;
    };
    const told = async (body: object) =>
      objectsOf(`data: ${(await (await post({ prompt: 'x', ...body })).text()).replace(/^data: /, '')}`)
        .flatMap(({ choices }) => choices)
        .map((one) => (one as { flotilla?: object }).flotilla);
    expect(await told({})).toEqual([{ engine: { token_ids: [5] } }]);
    expect(await told({ stream: true })).toEqual([{ engine: { load_ms: 3 } }, { engine: { token_ids: [5] } }]);
  });

  it('that fails under way ends with an error frame and no [DONE], and ends its neighbours', async () => {
    const waits = saysAndWaits();
    platform.behind.chat = async function* (request, context) {
      if (request.messages[0]!.content === 'a') return yield* waits.chat(request, context);
      await waits.started;
      yield choice({ content: 'half' });
      yield event({ $case: 'failure', value: { code: 'engine_error', message: 'The engine went away.' } });
    };
    const text = await (await post({ prompt: ['a', 'b'], stream: true })).text();
    expect(framesOf(text).at(-1)).toContain('"message":"The engine went away."');
    expect(text).not.toContain('[DONE]');
    await waits.left;
  });

  it('that fails before its first piece is an HTTP error', async () => {
    platform.behind.chat = async function* () {
      throw new FlotillaError('engine_unavailable');
    };
    expect((await post({ prompt: 'a', stream: true })).status).toBe(503);
  });

  it('ends its engines when the client leaves', async () => {
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const leaving = new AbortController();
    const answer = post({ prompt: ['a', 'b'], stream: true }, leaving.signal)
      .then((response) => response.text())
      .catch((error: Error) => error.name);
    await waits.started;
    leaving.abort();
    await waits.left;
    expect(await answer).toBe('AbortError');
  });
});

describe('limits', () => {
  it('that refuse one of several prompts refuse all, before any of them costs anything', async () => {
    platform.behind.reserve = async () =>
      platform.behind.reserves.length < 3 ? allows() : refuses('requests_per_minute', 1_500);
    const response = await post({ prompt: ['a', 'b', 'c'] });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after-ms')).toBe('1500');
    expect(platform.behind.chats).toEqual([]);
  });
});

describe('a body that is wrong', () => {
  it.each([
    ['no prompt', {}, 'prompt'],
    ['an empty list', { prompt: [] }, 'prompt'],
    ['token ids', { prompt: [1, 2] }, 'prompt'],
    ['lists of token ids', { prompt: [[1, 2]] }, 'prompt'],
    ['nine prompts', { prompt: Array<string>(9).fill('a') }, 'prompt'],
    ['an object', { prompt: {} }, 'prompt'],
    ['an empty prompt', { prompt: ['a', ''] }, 'prompt[1]'],
    ['a suffix', { prompt: 'a', suffix: 'z' }, 'suffix'],
    ['messages', { prompt: 'a', messages: [] }, 'messages'],
    ['more made than sent', { prompt: 'a', best_of: 3 }, 'best_of'],
    ['a flag for logprobs', { prompt: 'a', logprobs: true }, 'logprobs'],
    ['text for echo', { prompt: 'a', echo: 'yes' }, 'echo'],
    ['no tokens', { prompt: 'a', max_tokens: 0 }, 'max_tokens'],
    ['a temperature of 3', { prompt: 'a', temperature: 3 }, 'temperature'],
  ])('(%s) is refused with the path of the field', async (_given, body, param) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } });
    expect(platform.behind.reserves).toEqual([]);
  });
});
