import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { router as contract } from '@flotilla/contracts';
import { sendJson } from '../fake-engine.fixture.ts';
import { choicesOf, generateRequest, kinds, textOf, valueOf } from '../router.fixture.ts';
import { contracted, key, type Contracted } from './contract.fixture.ts';
import { dialects } from './dialects/dialects.fixture.ts';

/** A PNG of one pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe.each(dialects)('an engine of kind $name', (dialect) => {
  const { words, streams, answers } = dialect;
  let its: Contracted;
  const started = (async () => {
    its = await contracted(dialect, { headers: { 'x-team': 'blue' }, body: { seed: 5 } });
  })();
  beforeEach(async () => {
    await started;
    its.fake.seen.length = 0;
  });
  afterAll(() => its.stop());
  const whole = (text: string) => [words.begin, words.text(text), words.end('stop')];

  it('streams its text, its usage and its end', async () => {
    its.fake.script = streams([words.begin, ...['Hel', 'lö ', '🙂'].map(words.text), words.end('stop')]);
    const events = await its.router.generate();
    expect(textOf(events)).toBe('Hellö 🙂');
    expect(choicesOf(events)[0]!.role).toBe('assistant');
    expect(choicesOf(events).at(-1)!.finishReason).toBe('stop');
    expect(valueOf(events, 'finished')?.usage).toEqual({
      ...{ promptTokens: 7, completionTokens: 2, cachedTokens: dialect.cached, estimated: false },
    });
    const [seen] = its.fake.seen;
    expect(seen!.path).toBe(dialect.generatePath);
    expect(dialect.asked(seen!)).toMatchObject({ model: 'm', stream: true });
  });

  it('is told who asks, by whom it is asked, and what the file adds', async () => {
    its.fake.script = streams(whole('x'));
    await its.router.generate();
    const [seen] = its.fake.seen;
    expect(seen!.headers).toMatchObject({
      [dialect.keyHeader]: dialect.keyPrefix + key,
      'x-request-id': 'req_1',
      'x-team': 'blue',
    });
    expect(dialect.asked(seen!).seed).toBe(5);
  });

  it('answers in one piece', async () => {
    its.fake.script = answers(words.whole({ text: 'Hello', thought: 'hm', reason: 'stop' }));
    const events = await its.router.generate({ stream: false });
    expect(kinds(events)).toEqual(['answerer', 'choices', 'finished']);
    expect(choicesOf(events)).toMatchObject([
      { role: 'assistant', content: 'Hello', reasoning: 'hm', finishReason: 'stop' },
    ]);
    expect(valueOf(events, 'finished')?.usage).toMatchObject({ promptTokens: 7, completionTokens: 2 });
    expect(dialect.asked(its.fake.seen[0]!).stream).toBe(false);
  });

  it('thinks aloud apart from its answer', async () => {
    its.fake.script = streams([words.begin, words.thought('hm, '), words.thought('yes'), ...whole('42').slice(1)]);
    const events = await its.router.generate();
    const reasoning = choicesOf(events).map((choice) => choice.reasoning);
    expect(reasoning.join('')).toBe('hm, yes');
    expect(textOf(events)).toBe('42');
  });

  it('is told the parameters, once each', async () => {
    its.fake.script = streams(whole('x'));
    const parametersJson = '{"temperature":0.25,"seed":6,"model":"other","stream":false,"max_tokens":9,"messages":[]}';
    await its.router.generate({ parametersJson, maxTokens: 16 });
    const [seen] = its.fake.seen;
    const body = dialect.asked(seen!);
    expect(body).toMatchObject({ model: 'm', stream: true, seed: 5 });
    expect(body.messages).toHaveLength(1);
    expect(dialect.maxTokens(body)).toBe(16);
    expect(body.temperature ?? body.options.temperature).toBe(0.25);
    for (const name of ['model', 'messages', 'stream', 'max_tokens']) {
      expect(seen!.text.split(`"${name}":`).length).toBeLessThanOrEqual(2);
    }
  });

  it('calls tools, in OpenAI’s words', async () => {
    const calls = [
      { name: 'weather', input: '{"city":"Paris"}' },
      { name: 'time', input: '{}' },
    ];
    its.fake.script = streams([
      words.begin,
      words.calls(calls, (text) => [text.slice(0, 4), text.slice(4)]),
      words.end('tool_calls'),
    ]);
    const choices = choicesOf(await its.router.generate());
    const deltas = choices.flatMap((choice) => (choice.toolCallsJson ? JSON.parse(choice.toolCallsJson) : []));
    const first = deltas.filter((delta) => delta.id !== undefined);
    expect(first).toMatchObject([
      { index: 0, id: expect.any(String), type: 'function', function: { name: 'weather' } },
      { index: 1, id: expect.any(String), type: 'function', function: { name: 'time' } },
    ]);
    expect(choices.at(-1)!.finishReason).toBe('tool_calls');
    its.fake.script = answers(words.whole({ text: '', calls, reason: 'tool_calls' }));
    const [answer] = choicesOf(await its.router.generate({ stream: false }));
    const told = JSON.parse(answer!.toolCallsJson).map((call: any) => ({ ...call.function, id: typeof call.id }));
    expect(told).toEqual(calls.map(({ name, input }) => ({ name, arguments: input, id: 'string' })));
    expect(answer!.finishReason).toBe('tool_calls');
  });

  it('is told what the system says, what tools answered and what images show', async () => {
    its.fake.script = streams(whole('x'));
    const url = `data:image/png;base64,${pixel}`;
    const parts = [
      { type: 'text', text: 'see' },
      { type: 'image_url', image_url: { url } },
    ];
    const calls = [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }];
    const [plain] = generateRequest().messages;
    await its.router.generate({
      messages: [
        { ...plain!, role: 'system', content: 'Be brief.' },
        plain!,
        { ...plain!, content: 'see', partsJson: JSON.stringify(parts) },
        { ...plain!, role: 'assistant', content: '', toolCallsJson: JSON.stringify(calls) },
        { ...plain!, role: 'tool', content: 'rain', toolCallId: 'c1' },
      ],
    });
    expect(dialect.told(dialect.asked(its.fake.seen[0]!))).toEqual({
      system: 'Be brief.',
      image: url,
      call: { name: 'weather', input: { city: 'Paris' } },
      result: 'tool c1 rain',
    });
  });

  it('says that it stopped at the limit', async () => {
    its.fake.script = streams([words.begin, words.text('one'), words.end('length')]);
    expect(choicesOf(await its.router.generate()).at(-1)!.finishReason).toBe('length');
    its.fake.script = answers(words.whole({ text: 'one', reason: 'length' }));
    expect(choicesOf(await its.router.generate({ stream: false }))[0]!.finishReason).toBe('length');
  });

  it('embeds, in order, or says that it does not', async () => {
    const ask = () => its.router.client.embed({ caller: undefined, model: 'm', inputs: ['a', 'bbb', 'cc'] });
    if (!dialect.embeddings) return expect(ask()).rejects.toMatchObject({ code: 'capability_mismatch' });
    its.fake.script = answers(dialect.embeddings([1, 3, 2].map((length) => [length, 0.5])));
    const answer = await ask();
    expect(answer.embeddings.map(({ values }) => values)).toEqual([
      [1, 0.5],
      [3, 0.5],
      [2, 0.5],
    ]);
    expect(answer.usage).toMatchObject({ promptTokens: 7, estimated: false });
    expect(its.fake.seen[0]!.path).toBe(dialect.embedPath);
    its.fake.script = answers(dialect.embeddings([[1]]));
    await expect(ask()).rejects.toMatchObject({ code: 'engine_error' });
  });

  it('lists what it offers', async () => {
    its.fake.script = (response) => sendJson(response, dialect.list);
    const request = contract.ListProvidersRequest.fromPartial({ provider: 'p', refresh: true });
    const { providers } = await its.router.registry.listProviders(request);
    expect(providers).toMatchObject([{ name: 'p', problem: '', models: [{ id: 'm' }] }]);
    expect(its.fake.seen[0]!.path).toBe(dialect.listPath);
    expect(its.fake.seen[0]!.headers[dialect.keyHeader]).toBe(dialect.keyPrefix + key);
  });
});
