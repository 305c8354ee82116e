import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  answers,
  sendJson,
  sse,
  chunk,
  startFakeEngine,
  type FakeEngine,
  type Script,
} from '../fake-engine.fixture.ts';
import {
  choicesOf,
  engine,
  generateRequest,
  kinds,
  startRouter,
  textOf,
  valueOf,
  type Started,
} from '../router.fixture.ts';

/** How each kind of engine says the same things on the wire. */
interface Dialect {
  kind: string;
  suffix: string;
  generatePath: string;
  embedPath: string;
  streams(...words: string[]): Script;
  cuts: Script;
  errs: Script;
  whole(text: string): unknown;
  callsTool: Script;
  stopsAtLength: Script;
  refusal: { status: number; body: unknown };
  embeddings(vectors: number[][]): unknown;
  maxTokens(body: any): unknown;
  temperature(body: any): unknown;
}

const openAi = (kind: string): Dialect => ({
  kind,
  suffix: '/v1',
  generatePath: '/v1/chat/completions',
  embedPath: '/v1/embeddings',
  streams: answers,
  cuts: (response) => response.end(sse(chunk({ delta: { content: 'one' } }))),
  errs: (response) => response.end(sse(chunk({ delta: { content: 'one' } })) + sse({ error: { message: 'no' } })),
  whole: (content) => ({
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 7, completion_tokens: 2 },
  }),
  callsTool(response) {
    const call = { index: 0, id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":' } };
    response.write(sse(chunk({ delta: { tool_calls: [call] } })));
    response.write(sse(chunk({ delta: { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] } })));
    response.end(sse(chunk({ delta: {}, finish_reason: 'tool_calls' })) + sse('[DONE]'));
  },
  stopsAtLength: (response) =>
    response.end(sse(chunk({ delta: { content: 'one' }, finish_reason: 'length' })) + sse('[DONE]')),
  refusal: { status: 404, body: { error: { message: 'no such model', code: 404 } } },
  embeddings: (vectors) => ({
    // Out of order: the index counts.
    data: vectors.map((embedding, index) => ({ index, embedding })).reverse(),
    usage: { prompt_tokens: 7 },
  }),
  maxTokens: (body) => body.max_tokens,
  temperature: (body) => body.temperature,
});

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const says = (content: string, more: object = {}) => ({
  model: 'm',
  message: { role: 'assistant', content },
  done: false,
  ...more,
});
const last = { done: true, done_reason: 'stop', prompt_eval_count: 7, eval_count: 2 };

const ollama: Dialect = {
  kind: 'ollama',
  suffix: '',
  generatePath: '/api/chat',
  embedPath: '/api/embed',
  streams:
    (...words) =>
    (response) => {
      for (const word of words) response.write(line(says(word)));
      response.end(line(says('', last)));
    },
  cuts: (response) => response.end(line(says('one'))),
  errs: (response) => response.end(line(says('one')) + line({ error: 'no' })),
  whole: (text) => says(text, last),
  callsTool(response) {
    const call = { function: { name: 'weather', arguments: { city: 'Paris' } } };
    response.write(line({ message: { role: 'assistant', content: '', tool_calls: [call] }, done: false }));
    response.end(line(says('', last)));
  },
  stopsAtLength: (response) => response.end(line(says('one', { ...last, done_reason: 'length' }))),
  refusal: { status: 404, body: { error: "model 'm' not found" } },
  embeddings: (vectors) => ({ model: 'm', embeddings: vectors, prompt_eval_count: 7 }),
  maxTokens: (body) => body.options.num_predict,
  temperature: (body) => body.options.temperature,
};

describe.each([openAi('vllm'), openAi('openai'), openAi('openrouter'), ollama])(
  'an engine of kind $kind',
  (dialect) => {
    let fake: FakeEngine;
    let router: Started;
    const started: Promise<void> = (async () => {
      fake = await startFakeEngine(() => undefined);
      const engines = [engine('e', fake.url + dialect.suffix, ['m'], { kind: dialect.kind })];
      router = await startRouter({ engines });
    })();
    beforeEach(async () => {
      await started;
      fake.seen.length = 0;
    });
    afterAll(async () => {
      await router.stop();
      await fake.stop();
    });

    it('streams its text, its usage and its end', async () => {
      fake.script = dialect.streams('Hel', 'lö ', '🙂');
      const events = await router.generate();
      expect(textOf(events)).toBe('Hellö 🙂');
      expect(choicesOf(events)[0]!.role).toBe('assistant');
      expect(choicesOf(events).at(-1)!.finishReason).toBe('stop');
      expect(valueOf(events, 'finished')?.usage).toMatchObject({
        promptTokens: 7,
        completionTokens: 2,
        estimated: false,
      });
      expect(fake.seen[0]).toMatchObject({ path: dialect.generatePath, body: { model: 'm', stream: true } });
      expect(fake.seen[0]!.headers['x-request-id']).toBe('req_1');
    });

    it('answers in one piece', async () => {
      fake.script = (response) => sendJson(response, dialect.whole('Hello'));
      const events = await router.generate({ stream: false });
      expect(kinds(events)).toEqual(['answerer', 'choices', 'finished']);
      expect(choicesOf(events)).toMatchObject([{ role: 'assistant', content: 'Hello', finishReason: 'stop' }]);
      expect(fake.seen[0]!.body.stream).toBe(false);
    });

    it('is told the parameters, once each', async () => {
      fake.script = dialect.streams('x');
      const parametersJson = '{"temperature":0.25,"model":"other","stream":false,"max_tokens":9,"messages":[]}';
      await router.generate({ parametersJson, maxTokens: 16 });
      const { text, body } = fake.seen[0]!;
      expect(body).toMatchObject({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] });
      expect(dialect.maxTokens(body)).toBe(16);
      expect(dialect.temperature(body)).toBe(0.25);
      for (const name of ['model', 'messages', 'stream', 'max_tokens']) {
        expect(text.split(`"${name}":`).length).toBeLessThanOrEqual(2);
      }
    });

    it('calls tools, in OpenAI’s words', async () => {
      fake.script = dialect.callsTool;
      const choices = choicesOf(await router.generate());
      const deltas = choices
        .filter((choice) => choice.toolCallsJson)
        .map((choice) => JSON.parse(choice.toolCallsJson)[0]);
      expect(deltas[0]).toMatchObject({
        index: 0,
        id: expect.any(String),
        type: 'function',
        function: { name: 'weather' },
      });
      expect(JSON.parse(deltas.map((delta) => delta.function.arguments).join(''))).toEqual({ city: 'Paris' });
      expect(choices.at(-1)!.finishReason).toBe('tool_calls');
    });

    it('is told what tools answered and what images show', async () => {
      fake.script = dialect.streams('x');
      const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
      const calls = [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }];
      await router.generate({
        messages: generateRequest().messages.concat(
          {
            ...generateRequest().messages[0]!,
            content: 'see',
            partsJson: JSON.stringify([{ type: 'text', text: 'see' }, image]),
          },
          { ...generateRequest().messages[0]!, role: 'assistant', content: '', toolCallsJson: JSON.stringify(calls) },
          { ...generateRequest().messages[0]!, role: 'tool', content: 'rain', toolCallId: 'c1' },
        ),
      });
      const [, seen, called, result] = fake.seen[0]!.body.messages;
      expect(JSON.stringify(seen)).toContain('AAAA');
      expect(called.tool_calls[0].function.name).toBe('weather');
      expect(result).toMatchObject({ role: 'tool', content: 'rain' });
      expect(result.tool_call_id ?? result.tool_name).toMatch(/c1|weather/);
    });

    it('says that it stopped at the limit', async () => {
      fake.script = dialect.stopsAtLength;
      expect(choicesOf(await router.generate()).at(-1)!.finishReason).toBe('length');
    });

    it('never looks complete when it is cut', async () => {
      fake.script = dialect.cuts;
      const events = await router.generate();
      expect(textOf(events)).toBe('one');
      expect(kinds(events).at(-1)).toBe('failure');
    });

    it('fails when it says so in the middle', async () => {
      fake.script = dialect.errs;
      const events = await router.generate();
      expect(textOf(events)).toBe('one');
      expect(valueOf(events, 'failure')?.code).toBe('engine_error');
    });

    it('fails on what cannot be read', async () => {
      fake.script = (response) => response.end('data: {"choices":\n\n');
      await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
      fake.script = (response) => response.end('<html>');
      await expect(router.generate({ stream: false })).rejects.toMatchObject({ code: 'engine_error' });
    });

    it('refuses a model it does not have', async () => {
      fake.script = (response) => sendJson(response, dialect.refusal.body, dialect.refusal.status);
      await expect(router.generate()).rejects.toMatchObject({ code: 'model_not_found' });
    });

    it('embeds, in order', async () => {
      fake.script = (response, seen) =>
        sendJson(response, dialect.embeddings(seen.body.input.map((text: string) => [text.length, 0.5])));
      const answer = await router.client.embed({ caller: undefined, model: 'm', inputs: ['a', 'bbb', 'cc'] });
      expect(answer.embeddings.map(({ values }) => values)).toEqual([
        [1, 0.5],
        [3, 0.5],
        [2, 0.5],
      ]);
      expect(answer.usage).toMatchObject({ promptTokens: 7, estimated: false });
      expect(fake.seen[0]).toMatchObject({ path: dialect.embedPath, body: { model: 'm' } });
    });

    it('fails when it embeds another number of texts', async () => {
      fake.script = (response) => sendJson(response, dialect.embeddings([[1]]));
      const call = router.client.embed({ caller: undefined, model: 'm', inputs: ['a', 'b'] });
      await expect(call).rejects.toMatchObject({ code: 'engine_error' });
    });
  },
);
