import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { chat, safety, type common } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import type { OrchestratorConfig } from './config.ts';
import {
  answerer,
  answering,
  finished,
  never,
  piece,
  startPlatform,
  type Neighbours,
  type Platform,
} from './platform.fixture.ts';

let database: Database;
let platform: Platform;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());
afterEach(() => platform.stop());

const start = async (neighbours?: Partial<Neighbours>, config?: Partial<OrchestratorConfig>, yaml?: string) =>
  (platform = await startPlatform(database, neighbours, { config, yaml }));
const block = (message: string) => ({ rule: 'r', category: 'c', action: safety.Action.BLOCK, message });

describe('a chat turn', () => {
  it('streams the answer and records its usage once', async () => {
    const { request, chat } = await start();
    const call = request({ maxTokens: 50 });
    const { kinds, text, finish, usage, error } = await chat(call);
    expect(error).toBeUndefined();
    expect(kinds[0]).toBe('answerer');
    expect(kinds.at(-1)).toBe('finished');
    expect({ text, finish }).toEqual({ text: 'Hello world', finish: ['stop'] });
    expect(usage).toMatchObject({ promptTokens: 10, completionTokens: 2 });
    expect(platform.generated[0]).toMatchObject({ model: 'm', maxTokens: 50, stream: true });
    expect(await platform.recordedUsage(call)).toMatchObject([
      { outcome: 'completed', safety: 'checked', completion_tokens: 2, provider: 'p' },
    ]);
  });

  it('costs what the router says that it costs where it was answered, else what the file says of its name', async () => {
    const yaml = 'models: [{ name: m, targets: [{ provider: p }], price: { input: 1, output: 2 } }]';
    const costOf = async (price: common.Price | undefined) => {
      const told = structuredClone(answerer);
      if (told.event?.$case === 'answerer') told.event.value.price = price;
      const generate: Neighbours['generate'] = async function* () {
        yield told;
        yield piece('one', 'stop');
        yield finished(4);
      };
      platform.doing.generate = generate;
      const call = platform.request();
      await platform.chat(call);
      const [row] = await platform.recordedUsage(call);
      return Number(row!['cost_micros']);
    };
    await start({}, {}, yaml);
    expect(await costOf({ input: 10, output: 100 })).toBe(500);
    expect(await costOf({ input: 0, output: 0 })).toBe(0);
    expect(await costOf(undefined)).toBe(18);
  });

  it('answers whole choices when the client does not stream, each guarded once', async () => {
    const guarded: safety.GuardRequest[] = [];
    await start({
      generate: async function* () {
        yield answerer;
        yield piece('one SECRET', 'stop', 0);
        yield piece('two', 'length', 1);
        yield finished(4);
      },
    });
    const guard = platform.doing.guard;
    platform.doing.guard = (request, context) => {
      guarded.push(request);
      return guard(request, context);
    };
    const { text, finish } = await platform.chat(platform.request({ stream: false, choices: 2 }));
    expect({ text, finish }).toEqual({ text: 'one [X]two', finish: ['stop', 'length'] });
    expect(guarded.map(({ final }) => final)).toEqual([true, true]);
  });

  it('redacts what is split across pieces, and gives the finish reason after the rest of the text', async () => {
    await start({ generate: answering('a SEC', 'RET b SE', 'CRE', 'T', ' SECRE') });
    const { events, text } = await platform.chat(platform.request());
    expect(text).toBe('a [X] b [X] SECRE');
    const choices = events.flatMap(({ event }) => (event?.$case === 'choices' ? event.value.choices : []));
    expect(choices.at(-1)).toMatchObject({ content: expect.stringContaining('SECRE'), finishReason: 'stop' });
  });

  it('passes tool calls, reasoning and roles in their order', async () => {
    const delta = (partial: object) => ({
      event: { $case: 'choices' as const, value: { choices: [chat.Choice.fromPartial(partial)], usage: undefined } },
    });
    await start({
      generate: async function* () {
        yield answerer;
        yield delta({ role: 'assistant' });
        yield delta({ reasoning: 'hm' });
        yield delta({ content: 'Let me look. ' });
        yield delta({ toolCallsJson: '[{"index":0,"id":"c1","function":{"name":"find","arguments":"{}"}}]' });
        yield delta({ finishReason: 'tool_calls' });
        yield finished(3);
      },
    });
    const { events } = await platform.chat(platform.request());
    const choices = events.flatMap(({ event }) => (event?.$case === 'choices' ? event.value.choices : []));
    expect(
      choices.map((choice) =>
        Object.entries(choice)
          .filter(([key, value]) => value && key !== 'index')
          .map(([key]) => key),
      ),
    ).toEqual([['role'], ['reasoning'], ['content'], ['toolCallsJson'], ['finishReason']]);
  });

  it('asks the guard with all that came while it was busy', async () => {
    const texts: string[] = [];
    let busy = 0;
    let let1 = () => {};
    const gate = new Promise<void>((resolve) => (let1 = resolve));
    await start({
      generate: async function* () {
        yield answerer;
        for (const text of ['a', 'b', 'c', 'd']) yield piece(text);
        let1();
        yield piece('e', 'stop');
        yield finished(5);
      },
      async guard({ text }) {
        expect((busy += 1)).toBe(1);
        texts.push(text);
        if (texts.length === 1) await gate;
        busy -= 1;
        return { release: text, state: undefined, action: safety.Action.ALLOW, findings: [] };
      },
    });
    const { text } = await platform.chat(platform.request());
    expect(text).toBe('abcde');
    expect(texts[0]).toBe('a');
    expect(texts.length).toBeLessThan(5);
  });

  it('is not read from the engine faster than the client reads it', async () => {
    let written = 0;
    await start(
      {
        generate: async function* () {
          for (;;) {
            written += 1;
            yield piece(`${written} `);
          }
        },
      },
      { bufferedEvents: 10 },
    );
    const stream = platform.client.chat(platform.request())[Symbol.asyncIterator]();
    await stream.next();
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(200);
    const before = written;
    for (let reads = 0; reads < 20; reads += 1) await stream.next();
    expect(written).toBeGreaterThan(before);
    await stream.return?.();
  });

  it('passes what a starting model makes it wait for', async () => {
    await start({
      generate: async function* () {
        yield { event: { $case: 'waiting', value: { reason: 'starting' } } };
        yield* answering('x')(undefined as never, undefined as never);
      },
    });
    expect((await platform.chat(platform.request())).kinds[0]).toBe('waiting');
  });
});

describe('documents', () => {
  const passages = [
    { number: 1, filename: 'handbook.txt', text: 'Lunch is at noon.' },
    { number: 2, filename: 'other.txt', text: 'Tea is at four.' },
  ].map((passage) => chat.Citation.fromPartial(passage));

  it('gives the passages to the model before the question, and to the client before the answer', async () => {
    await start({ retrieve: async () => ({ passages, vectorsUsed: true }) });
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'When is lunch?' },
    ];
    const { kinds } = await platform.chat(platform.request({ messages, retrieval: { limit: 3 } }));
    expect(kinds.slice(0, 3)).toEqual(['answerer', 'citations', 'choices']);
    expect(platform.generated[0]!.messages.map(({ content }) => content)).toEqual([
      'Be brief.',
      'Answer from the numbered passages below. Cite each passage you use by its number in square brackets, like [1]. If they do not hold the answer, say so.\n\n[1] (handbook.txt)\nLunch is at noon.\n\n[2] (other.txt)\nTea is at four.',
      'When is lunch?',
    ]);
  });

  it.each([
    ['come too late', (_: unknown, context: never) => never(context), 'in time'],
    ['fail', () => Promise.reject(new FlotillaError('unavailable')), 'failed'],
  ])('are left out when they %s, and the answer says so', async (_, retrieve, why) => {
    await start({ retrieve } as unknown as Partial<Neighbours>, { retrievalTimeoutMs: 20 });
    const { kinds, notices, text } = await platform.chat(platform.request({ retrieval: {} }));
    expect(kinds.slice(0, 3)).toEqual(['answerer', 'notice', 'choices']);
    expect(notices[0]).toMatchObject({ code: 'retrieval_skipped', message: expect.stringContaining(why) });
    expect(text).toBe('Hello world');
  });
});

describe('safety', () => {
  it('refuses a blocked prompt before anything is generated', async () => {
    await start({ check: async () => ({ action: safety.Action.BLOCK, findings: [block('No.')] }) });
    const call = platform.request({ conversationId: 'blocked' });
    const { error, events } = await platform.chat(call);
    expect(error).toMatchObject({ code: 'content_filter', message: 'No.' });
    expect({ events, generated: platform.generated }).toEqual({ events: [], generated: [] });
    expect(await platform.recordedUsage(call)).toMatchObject([
      { outcome: 'filtered', safety: 'blocked', prompt_tokens: 0 },
    ]);
  });

  it('answers unchecked when the check is late and the policy is open, and never records it as checked', async () => {
    await start({ check: (_, context) => never(context) }, { checkTimeoutMs: 20 });
    const call = platform.request();
    const { notices, text } = await platform.chat(call);
    expect({ text, codes: notices.map(({ code }) => code) }).toEqual({
      text: 'Hello world',
      codes: ['safety_unchecked'],
    });
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'completed', safety: 'unchecked' }]);
  });

  it('refuses when the check is late and the policy is closed', async () => {
    await start({ check: (_, context) => never(context) }, { checkTimeoutMs: 20 }, 'safety: { on_timeout: closed }');
    const call = platform.request();
    expect((await platform.chat(call)).error).toMatchObject({ code: 'safety_unavailable' });
    expect(platform.generated).toEqual([]);
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'failed' }]);
  });

  it('ends the answer and aborts the engine when a rule blocks it', async () => {
    let aborted = false;
    await start({
      generate: async function* (_, context) {
        yield answerer;
        yield piece('fine ');
        yield piece('bad');
        await never(context).catch(() => (aborted = true));
      },
      guard: async ({ text }) => ({
        ...{ release: text, state: undefined, findings: [] },
        action: text.includes('bad') ? safety.Action.BLOCK : safety.Action.ALLOW,
      }),
    });
    const call = platform.request();
    const { finish, kinds, text } = await platform.chat(call);
    expect(finish).toEqual(['content_filter']);
    expect(text).not.toContain('bad');
    expect(kinds.at(-1)).toBe('finished');
    await until(() => aborted);
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'filtered', estimated: true }]);
  });

  it('releases unguarded text with a notice when the guard is away and the policy is open', async () => {
    await start({ guard: (_, context) => never(context) }, { guardTimeoutMs: 10 });
    const call = platform.request();
    const { text, notices, finish } = await platform.chat(call);
    expect({ text, finish, codes: notices.map(({ code }) => code) }).toEqual({
      ...{ text: 'Hello world', finish: ['stop'], codes: ['safety_unchecked'] },
    });
    expect(await platform.recordedUsage(call)).toMatchObject([{ safety: 'unchecked' }]);
  });

  it('fails the stream when the guard goes away and the policy is closed', async () => {
    let aborted = false;
    await start(
      {
        generate: async function* (_, context) {
          yield answerer;
          yield piece('first ');
          yield piece('second');
          await never(context).catch(() => (aborted = true));
        },
      },
      { guardTimeoutMs: 20 },
      'safety: { on_timeout: closed }',
    );
    const guard = platform.doing.guard;
    platform.doing.guard = (request, context) =>
      request.text.includes('first') ? guard(request, context) : never(context);
    const call = platform.request();
    const { failure, kinds, text } = await platform.chat(call);
    expect(failure).toMatchObject({ code: 'safety_unavailable' });
    expect({ text, last: kinds.at(-1) }).toEqual({ text: 'first ', last: 'failure' });
    await until(() => aborted);
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'failed' }]);
  });
});

describe('engines', () => {
  it('that fail before the first choice fail the call', async () => {
    await start({
      generate: async function* () {
        throw new FlotillaError('engine_unavailable');
      },
    });
    const call = platform.request();
    expect((await platform.chat(call)).error).toMatchObject({ code: 'engine_unavailable' });
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'failed', prompt_tokens: 0 }]);
  });

  it.each([
    ['throw', () => Promise.reject(new FlotillaError('engine_error', 'gone'))],
    ['end without finishing', async () => undefined],
  ])('that %s after the first choice end the stream with a failure, after the text that was held', async (_, end) => {
    await start({
      generate: async function* () {
        yield answerer;
        yield piece('text SEC');
        await end();
      },
    });
    const call = platform.request();
    const { text, kinds, failure, error } = await platform.chat(call);
    expect({ text, last: kinds.at(-1), error }).toEqual({ text: 'text SEC', last: 'failure', error: undefined });
    expect(failure).toMatchObject({ code: 'engine_error' });
    expect(await platform.recordedUsage(call)).toMatchObject([{ outcome: 'failed', estimated: true }]);
  });

  it('that generate more than was granted are cut at the grant and aborted', async () => {
    let aborted = false;
    await start({
      generate: async function* () {
        try {
          yield answerer;
          for (let at = 0; ; at += 1) yield piece(`${at} `);
        } finally {
          aborted = true;
        }
      },
    });
    const call = platform.request({ maxTokens: 3 });
    const { text, finish, usage } = await platform.chat(call);
    expect({ text, finish }).toEqual({ text: '0 1 2 ', finish: ['length'] });
    expect(usage).toMatchObject({ completionTokens: 3, estimated: true });
    await until(() => aborted);
  });

  it('are billed by what the engine said it used until the client left, where it says so', async () => {
    const usage = { promptTokens: 77, completionTokens: 5, cachedTokens: 0, estimated: false };
    const counted = piece('five tokens in one piece');
    if (counted.event?.$case === 'choices') counted.event.value.usage = usage;
    await start({
      generate: async function* (_, context) {
        yield answerer;
        yield counted;
        await never(context);
      },
    });
    const call = platform.request();
    for await (const { event } of platform.client.chat(call)) if (event?.$case === 'choices') break;
    expect(await platform.recordedUsage(call)).toMatchObject([
      { outcome: 'cancelled', estimated: false, prompt_tokens: 77, completion_tokens: 5 },
    ]);
  });

  it('are aborted when the client leaves; what was generated is recorded once, as cancelled', async () => {
    let aborted = false;
    await start({
      generate: async function* (_, context) {
        yield answerer;
        yield piece('some text ');
        await never(context).catch(() => (aborted = true));
      },
    });
    const call = platform.request({ conversationId: 'left' });
    for await (const { event } of platform.client.chat(call)) if (event?.$case === 'choices') break;
    await until(() => aborted);
    const rows = await platform.recordedUsage(call);
    expect(rows).toMatchObject([{ outcome: 'cancelled', estimated: true, completion_tokens: 3 }]);
    const [turn] = await database.query<{ messages: { content: string }[]; outcome: string }>(
      `select messages, outcome from orchestrator.turns join orchestrator.usage using (org_id, request_id)
       where conversation_id = 'left'`,
    );
    expect({ outcome: turn!.outcome, answer: turn!.messages.at(-1)!.content }).toEqual({
      outcome: 'cancelled',
      answer: 'some text ',
    });
  });

  it('are not asked when the client leaves before', async () => {
    await start({ check: (_, context) => never(context) }, { checkTimeoutMs: 5_000 });
    const call = platform.request();
    const controller = new AbortController();
    const answer = platform.chat(call, { signal: controller.signal });
    controller.abort();
    expect((await answer).error).toMatchObject({ code: 'cancelled' });
    expect(platform.generated).toEqual([]);
  });
});
