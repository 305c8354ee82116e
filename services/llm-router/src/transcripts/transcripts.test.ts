import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { chat, common } from '@flotilla/contracts';
import { answers, chunk, sse, startFakeEngine, type FakeEngine } from '../fake-engine.fixture.ts';
import { engine, generateRequest, startRouter, textOf, type Started } from '../router.fixture.ts';

const root = mkdtempSync(path.join(tmpdir(), 'flotilla-transcripts-'));
let fake: FakeEngine;
let router: Started | undefined;
let count = 0;
let file = '';

beforeAll(async () => {
  fake = await startFakeEngine(answers('a', 'nswer'));
});
afterAll(async () => {
  await fake.stop();
  rmSync(root, { recursive: true });
});
afterEach(async () => {
  await router?.stop();
  router = undefined;
  fake.script = answers('a', 'nswer');
});

async function start(config: NonNullable<Parameters<typeof startRouter>[0]>['config'] = {}) {
  file = path.join(root, `${(count += 1)}.jsonl`);
  router = await startRouter({
    file: {
      providers: [{ name: 'local', kind: 'vllm', base_url: fake.url }],
      models: [{ name: 'm', targets: [{ provider: 'local', model: 'served' }], price: { input: 1, output: 2 } }],
      payload: { orgs: { shy: { transcript_prompts: false } } },
    },
    engines: [engine('local', fake.url, ['served'])],
    config: { transcriptsFile: file, ...config },
  });
  return router;
}

/** What was written when the router stopped. */
async function written(): Promise<any[]> {
  await router?.stop();
  router = undefined;
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

const callerOf = (orgId: string) => common.Caller.fromPartial({ requestId: 'req_7', orgId, userId: 'u', keyId: 'k' });
const secret = 'sk-abcdefghijklmnopqrstuvwx';
const messages = [chat.Message.fromPartial({ role: 'user', content: `my key is ${secret}` })];

describe('transcripts', () => {
  it('tell of a chat who asked, who answered, how long it took and what it cost, and nothing of what was said', async () => {
    const { generate } = await start();
    await generate({ messages, caller: callerOf('acme'), conversationId: 'conv_1' });
    const [line, ...more] = await written();
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      ...{ request_id: 'req_7', org_id: 'acme', user_id: 'u', key_id: 'k', conversation_id: 'conv_1' },
      ...{ model: 'm', provider: 'local', endpoint: 'local', stream: true, status: 'completed', attempts: 1 },
      ...{ prompt_tokens: 7, completion_tokens: 2, estimated: false, finish_reasons: ['stop'] },
    });
    expect(line.cost_usd).toBeCloseTo(11e-6, 9);
    expect(line.latency_ms).toBeGreaterThanOrEqual(line.first_token_ms);
    expect(Date.parse(line.time)).not.toBeNaN();
    expect(JSON.stringify(line)).not.toMatch(/my key|nswer/);
  });

  it('hold prompts and answers where that is on, without secrets, and not of organisations that do not want it', async () => {
    const { generate } = await start({ transcriptsPrompts: true });
    await generate({ messages, caller: callerOf('acme') });
    await generate({ messages, caller: callerOf('shy') });
    const [open, shy] = await written();
    expect(open.messages).toEqual([{ role: 'user', content: 'my key is [redacted]' }]);
    expect(open.answer).toEqual([{ content: 'answer' }]);
    expect([shy.org_id, shy.messages, shy.answer]).toEqual(['shy', undefined, undefined]);
  });

  it('never hold an image, only that there was one', async () => {
    const { generate } = await start({ transcriptsPrompts: true });
    const parts = [
      { type: 'text', text: 'Look.' },
      { type: 'image_url', image_url: { url: 'https://example.com/secret.png' } },
    ];
    const look = chat.Message.fromPartial({ role: 'user', content: 'Look.', partsJson: JSON.stringify(parts) });
    await generate({ messages: [look] });
    expect((await written())[0].messages).toEqual([{ role: 'user', content: 'Look.', media: 1 }]);
  });

  it('tell how a chat failed, before its first token or after it', async () => {
    const { generate } = await start({ continueAnswers: 0 });
    fake.script = (response) => response.writeHead(500).end('{}');
    await expect(generate()).rejects.toMatchObject({ code: 'engine_error' });
    fake.script = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(chunk({ delta: { content: 'a' } })));
      setImmediate(() => response.destroy());
    };
    await generate();
    expect(await written()).toMatchObject([
      { status: 'failed', code: 'engine_error' },
      { status: 'failed', code: 'engine_error', provider: 'local', finish_reasons: [''] },
    ]);
  });

  it('tell of a request that was refused before an engine was asked', async () => {
    const { generate } = await start();
    await expect(generate({ model: 'nobody' })).rejects.toMatchObject({ code: 'model_not_found' });
    expect((await written())[0]).toMatchObject({
      ...{ status: 'refused', code: 'model_not_found', asked_model: 'nobody', model: '', provider: '' },
    });
  });

  it('tell of a client that left', async () => {
    const { client } = await start();
    fake.script = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(chunk({ delta: { content: 'a' } })));
    };
    for await (const { event } of client.generate(generateRequest())) if (event?.$case === 'choices') break;
    expect(await written()).toMatchObject([{ status: 'cancelled', code: 'cancelled' }]);
  });

  it('fail no chat when they cannot be written', async () => {
    const folder = path.join(root, 'in-the-way');
    writeFileSync(folder, '');
    const { generate } = await start({ transcriptsFile: path.join(folder, 'transcripts.jsonl') });
    expect(textOf(await generate())).toBe('answer');
  });
});
