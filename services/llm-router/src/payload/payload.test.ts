import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import sharp from 'sharp';
import {
  answers,
  chunk,
  sendJson,
  sse,
  startFakeEngine,
  usageChunk,
  type FakeEngine,
  type Script,
} from '../fake-engine.fixture.ts';
import { choicesOf, engine, kinds, startRouter, textOf, type Started } from '../router.fixture.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-payload-'));
let fake: FakeEngine;
let router: Started | undefined;

beforeAll(async () => {
  fake = await startFakeEngine(answers('ok'));
});
afterAll(async () => {
  await fake.stop();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  await router?.stop();
  router = undefined;
  fake.seen.length = 0;
  fake.script = answers('ok');
});

async function start(model: object, config: Parameters<typeof startRouter>[0] = {}, kind = 'vllm') {
  router = await startRouter({
    file: {
      providers: [{ name: 'local', kind: kind as 'vllm', base_url: fake.url }],
      models: [{ name: 'm', targets: [{ provider: 'local', model: 'served' }], ...model }],
    },
    engines: [engine('local', fake.url, ['served'], { kind })],
    ...config,
  });
  return router;
}

const say = (role: string, content: string, more: Partial<chat.Message> = {}) =>
  chat.Message.fromPartial({ role, content, ...more });
const show = (url: string) =>
  say('user', 'Look.', {
    partsJson: JSON.stringify([
      { type: 'text', text: 'Look.' },
      { type: 'image_url', image_url: { url } },
    ]),
  });
const picture = async (width: number, height: number) => {
  const bytes = await sharp({ create: { width, height, channels: 3, background: '#abc' } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${bytes.toString('base64')}`;
};

function noticesOf(events: Awaited<ReturnType<Started['generate']>>): string[] {
  return events.flatMap(({ event }) => (event?.$case === 'notice' ? [event.value.code] : []));
}

describe('a request that its model cannot take', () => {
  it('reaches no engine: 409 for images to a model without vision', async () => {
    const { generate } = await start({ capabilities: ['chat'] });
    await expect(generate({ messages: [show('https://example.com/a.png')] })).rejects.toMatchObject({
      code: 'capability_mismatch',
      details: { param: 'messages' },
    });
    expect(fake.seen).toEqual([]);
  });

  it('reaches it without images where that is wished, and the client is told after who answers', async () => {
    const { generate } = await start({ capabilities: ['chat'], payload: { without: { images: 'strip' } } });
    const events = await generate({ messages: [show('https://example.com/a.png')] });
    expect(kinds(events).slice(0, 3)).toEqual(['answerer', 'notice', 'choices']);
    expect(noticesOf(events)).toEqual(['images_stripped']);
    expect(fake.seen[0]!.body.messages[0].content).toBe('Look.\n[image removed: m takes text only]');
  });

  it('is refused with 413 when an image is too large for any model', async () => {
    const { generate } = await start({}, { config: { maxImageDecodePixels: 1_000 } });
    await expect(generate({ messages: [show(await picture(50, 50))] })).rejects.toMatchObject({
      code: 'err_payload_too_large',
    });
    expect(fake.seen).toEqual([]);
  });

  it('is refused when its prompt is longer than the window', async () => {
    const { generate } = await start({ context_window: 512 });
    await expect(generate({ messages: [say('user', 'word '.repeat(2_000))] })).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
    expect(fake.seen).toEqual([]);
  });
});

describe('a request that is made to fit', () => {
  it('has its images scaled down', async () => {
    const { generate } = await start({ capabilities: ['chat', 'vision'] }, { config: { maxImagePixels: 10_000 } });
    const events = await generate({ messages: [show(await picture(400, 300))] });
    expect(noticesOf(events)).toEqual(['images_scaled']);
    const url: string = fake.seen[0]!.body.messages[0].content[1].image_url.url;
    const { width, height } = await sharp(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')).metadata();
    expect(width * height).toBeLessThanOrEqual(10_000);
  });

  it('loses the oldest turns for an organisation that wants it so', async () => {
    const { generate, set } = await start({});
    set({
      providers: [{ name: 'local', kind: 'vllm', base_url: fake.url }],
      models: [{ name: 'm', targets: [{ provider: 'local', model: 'served' }], context_window: 600 }],
      payload: { orgs: { acme: { fit: 'truncate' } } },
    });
    const long = 'word '.repeat(600);
    const messages = [say('system', 'Be brief.'), say('user', long), say('assistant', long), say('user', 'And?')];
    const events = await generate({ messages, caller: { requestId: 'r', orgId: 'acme' } as never });
    expect(noticesOf(events)).toEqual(['history_truncated']);
    expect(fake.seen[0]!.body.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'And?' },
    ]);
    await expect(generate({ messages, caller: { requestId: 'r', orgId: 'other' } as never })).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  it('shows a reasoning model what it is to remember', async () => {
    const config = { reasoningTruncateHistory: true, reasoningKeepLastNTurns: 1 };
    const { generate } = await start({ capabilities: ['chat', 'reasoning'] }, { config });
    const messages = ['1', '<think>hm</think>2', '3', '<think>hm</think>4', '5'].map((text, index) =>
      say(index % 2 === 0 ? 'user' : 'assistant', text),
    );
    const events = await generate({ messages });
    expect(noticesOf(events)).toEqual(['turns_dropped']);
    expect(fake.seen[0]!.body.messages.map((one: { content: string }) => one.content)).toEqual(['3', '4', '5']);
  });
});

describe('the chat template of a model', () => {
  it('is sent to vLLM, in the place of one that the client wants', async () => {
    writeFileSync(path.join(folder, 'chatml.jinja'), 'TEMPLATE');
    const { generate } = await start({ template: 'chatml' }, { config: { templatesDir: folder } });
    await generate({ parametersJson: '{"chat_template":"mine","top_k":3}' });
    expect(fake.seen[0]!.body).toMatchObject({ chat_template: 'TEMPLATE', top_k: 3 });
  });

  it('stays here where another engine could be asked, which would refuse it', async () => {
    const { generate } = await start({ template: 'chatml' }, { config: { templatesDir: folder } }, 'openai');
    await generate();
    expect(fake.seen[0]!.body.chat_template).toBeUndefined();
  });

  it('is missed where it is required: 422 err_template_required', async () => {
    const config = { templatesDir: folder, requireTemplate: true };
    const { generate, set } = await start({ template: 'absent' }, { config });
    await expect(generate()).rejects.toMatchObject({
      code: 'err_template_required',
      message: expect.stringContaining('"absent"'),
    });
    expect(fake.seen).toEqual([]);
    set({
      providers: [{ name: 'local', kind: 'vllm', base_url: fake.url }],
      models: [
        {
          name: 'm',
          targets: [{ provider: 'local', model: 'served' }],
          payload: { require_template: false },
        },
      ],
    });
    expect(textOf(await generate())).toBe('ok');
  });

  it('is missed where it is required and there is no folder, and found by the name of the model', async () => {
    const { generate } = await start({}, { config: { requireTemplate: true } });
    await expect(generate()).rejects.toMatchObject({ code: 'err_template_required' });
    await router!.stop();
    writeFileSync(path.join(folder, 'm.jinja'), 'OWN');
    const second = await start({}, { config: { requireTemplate: true, templatesDir: folder } });
    await second.generate();
    expect(fake.seen[0]!.body.chat_template).toBe('OWN');
  });
});

describe('an answer whose model thinks between tags', () => {
  const pieces = ['<thi', 'nk>two ', 'and two</', 'think>', '\n\nfo', 'ur'];
  const thinks = { capabilities: ['chat', 'reasoning'], payload: { reasoning_format: 'think_tags' } };

  it('comes as reasoning and then as text, a piece with one of both at a time', async () => {
    fake.script = answers(...pieces);
    const { generate } = await start(thinks);
    const choices = choicesOf(await generate());
    expect(choices.map(({ reasoning }) => reasoning).join('')).toBe('two and two');
    expect(choices.map(({ content }) => content).join('')).toBe('four');
    expect(choices.every(({ reasoning, content }) => reasoning === '' || content === '')).toBe(true);
    expect(choices.at(-1)!.finishReason).toBe('stop');
  });

  it('has both in its one choice when it is not streamed', async () => {
    const message = { role: 'assistant', content: pieces.join('') };
    fake.script = (response) => sendJson(response, { choices: [{ index: 0, message, finish_reason: 'stop' }] });
    const { generate } = await start(thinks);
    expect(choicesOf(await generate({ stream: false }))).toMatchObject([
      { reasoning: 'two and two', content: 'four', finishReason: 'stop' },
    ]);
  });

  it('says all that came before it broke', async () => {
    const breaks: Script = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const content of ['<think>a', ' </thi']) response.write(sse(chunk({ delta: { content } })));
      setImmediate(() => response.destroy());
    };
    fake.script = breaks;
    const { generate } = await start(thinks, { config: { continueAnswers: 0 } });
    const events = await generate();
    expect(kinds(events).at(-1)).toBe('failure');
    expect(
      choicesOf(events)
        .map(({ reasoning }) => reasoning)
        .join(''),
    ).toBe('a </thi');
  });

  it('is passed on as the engine wrote it where decorations are wanted', async () => {
    fake.script = answers(...pieces);
    const { generate } = await start(thinks, { config: { suppressDecorations: false } });
    expect(textOf(await generate())).toBe(pieces.join(''));
  });

  it('keeps what the engine counted', async () => {
    fake.script = answers(...pieces);
    const { generate } = await start(thinks);
    const finished = (await generate()).at(-1)!.event;
    expect(finished).toMatchObject({
      $case: 'finished',
      value: { usage: { completionTokens: usageChunk.usage.completion_tokens } },
    });
  });
});
