import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, until, readEvents } from '@flotilla/testkit';
import { stringify } from 'yaml';
import { Shape } from './shape.ts';

const simulator = path.resolve(import.meta.dirname, '../../tools/engine-sim/dist/main.js');
const messages = [{ role: 'user', content: 'Say hello to the fleet.' }];
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

let shape: Shape;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'flotilla-chat-proxy-'));
  shape = await Shape.start(
    'standalone',
    {},
    {
      FLOTILLA_ROUTER_TRANSCRIPTS_FILE: path.join(folder, 'chat_proxy.jsonl'),
      FLOTILLA_ROUTER_TRANSCRIPTS_PROMPTS: '1',
      FLOTILLA_ROUTER_LOOPBACK_ALIAS: 'imageworks-chat',
      FLOTILLA_ROUTER_MAX_IMAGE_BYTES: '1000',
      FLOTILLA_ROUTER_TEMPLATES_DIR: folder,
    },
  );
  const port = await freePort();
  const deadPort = await freePort();
  const service = (name: string) => ({
    name,
    command: [process.execPath, simulator, '--port', String(port), '--model', name, '--startup-ms', '300'],
  });
  const text = { targets: [{ provider: 'sim', model: 'flotilla-sim' }], capabilities: ['chat'] };
  writeFileSync(
    shape.configFile,
    stringify({
      providers: [
        { name: 'sim', kind: 'vllm', base_url: `${shape.engine.url}/v1` },
        {
          ...{ name: 'local', kind: 'vllm', base_url: `http://127.0.0.1:${port}/v1` },
          services: [service('qlora-prod'), service('color-narrator')],
          on_demand: { min_up_ms: 100, drain_ms: 5_000, start_timeout_ms: 20_000 },
        },
        {
          ...{ name: 'broken', kind: 'vllm', base_url: `http://127.0.0.1:${deadPort}/v1` },
          services: [{ name: 'never', command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] }],
          on_demand: { start_timeout_ms: 800 },
        },
      ],
      models: [
        { name: 'qlora-prod', targets: [{ provider: 'local' }], capabilities: ['chat', 'tools'] },
        { name: 'color-narrator', targets: [{ provider: 'local' }], capabilities: ['chat', 'vision'] },
        { name: 'never', targets: [{ provider: 'broken' }], capabilities: ['chat'] },
        { name: 'plain', ...text },
        { name: 'templated', ...text, template: 'chatml', payload: { require_template: true } },
        { name: 'planned', ...text, installed: path.join(folder, 'weights-that-are-not-there') },
        { name: 'fixture', ...text, testing: true },
        { name: 'retired', ...text },
      ],
      profiles: {
        production: {
          models: ['qlora-*', 'color-*', 'never', 'plain', 'templated', 'planned', 'fixture'],
          roles: { chat: 'qlora-prod', vision: 'color-narrator' },
        },
        staging: {},
      },
      profile: 'production',
      tiers: { dev: { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 } },
    }),
  );
  await until(async () => (await listed()).includes('qlora-prod'), { what: 'the models of the file' });
}, 120_000);
afterAll(async () => {
  await shape?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const get = async (route: string) => (await shape.fetch(route)).json() as Promise<Record<string, unknown>>;
const listed = async (query = '') =>
  ((await get(`/v1/models${query}`))['data'] as { id: string }[])
    .map(({ id }) => id)
    .filter((id) => !/^(auto|role:)/.test(id));
const refusal = async (body: object) => {
  const response = await shape.chat({ messages, ...body });
  const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } };
  return { status: response.status, ...error };
};

describe('the models', () => {
  it('are those of the profile, with their roles and what they can do', async () => {
    expect(await listed()).toEqual(['color-narrator', 'never', 'plain', 'qlora-prod', 'templated']);
    expect(await get('/v1/models/qlora-prod')).toMatchObject({
      id: 'qlora-prod',
      flotilla: { ready: false, active: false, installed: true, roles: ['chat'], capabilities: ['chat', 'tools'] },
    });
  });

  it('are shown with those that are not installed or for tests when asked for', async () => {
    expect(await listed('?include_non_installed=true')).toContain('planned');
    expect(await listed('?include_test_models=1')).toContain('fixture');
  });

  it('that the profile leaves out are not found, and the registry says why', async () => {
    expect(await refusal({ model: 'retired' })).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(JSON.stringify(await get('/v1/debug/registry'))).toContain('retired');
    expect(await get('/v1/healthz')).toEqual({ status: 'ok' });
  });
});

describe('a model that is started on demand', () => {
  it('is started by the first who asks, held meanwhile with keep-alives, and takes the port in turn', async () => {
    const response = await shape.chat({ model: 'qlora-prod', messages, stream: true });
    const text = await response.text();
    expect(text).toMatch(/^: /);
    expect(text).toContain('"model":"qlora-prod"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    const { services } = await get('/v1/autostart/status');
    expect((services as { name: string }[]).find(({ name }) => name.includes('qlora-prod'))).toMatchObject({
      ...{ state: 'ready', active_model: 'qlora-prod', pid: expect.any(Number), port: expect.any(Number) },
    });
    const vision = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What?' },
          { type: 'image_url', image_url: { url: pixel } },
        ],
      },
    ];
    expect(await (await shape.chat({ model: 'role:vision', messages: vision })).json()).toMatchObject({
      ...{ model: 'color-narrator', choices: [{ finish_reason: expect.any(String) }] },
    });
    expect(await (await shape.chat({ model: 'imageworks-chat', messages })).json()).toMatchObject({
      model: 'qlora-prod',
    });
  }, 60_000);

  it('that does not come up is an error that says so, and leaves no process behind', async () => {
    expect(await refusal({ model: 'never' })).toMatchObject({ status: 503, code: 'err_model_start_timeout' });
    const { services } = await get('/v1/autostart/status');
    const never = (services as { name: string; pid: number | null }[]).find(({ name }) => name.includes('never'));
    expect(never).toMatchObject({ pid: null });
  }, 30_000);
});

describe('a payload that does not fit the model', () => {
  const image = (url: string) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];

  it('with an image for a model of texts is 409', async () => {
    const refused = await refusal({ model: 'plain', messages: image(pixel) });
    expect(refused).toMatchObject({ status: 409, code: 'capability_mismatch' });
    expect(refused.message).toContain('color-narrator');
  });

  it('with an image that stays too large is 413', async () => {
    const noise = Buffer.alloc(40_000, 7).toString('base64');
    const refused = await refusal({ model: 'color-narrator', messages: image(`data:image/png;base64,${noise}`) });
    expect(refused).toMatchObject({ status: 413, code: 'err_payload_too_large' });
  }, 30_000);

  it('without a template that the model needs is refused, until it is there', async () => {
    expect(await refusal({ model: 'templated' })).toMatchObject({ code: 'err_template_required' });
    writeFileSync(path.join(folder, 'chatml.jinja'), '{% for message in messages %}{{ message.content }}{% endfor %}');
    await until(async () => (await shape.chat({ model: 'templated', messages })).status === 200, {
      ...{ what: 'the template to be found', timeoutMs: 20_000 },
    });
  }, 30_000);
});

describe('what is kept of chats', () => {
  it('are lines of JSON with figures and, where allowed, the prompt; and counters by model and provider', async () => {
    await readEvents(await shape.chat({ model: 'plain', messages, stream: true }));
    const lines = () =>
      readFileSync(path.join(folder, 'chat_proxy.jsonl'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await until(() => lines().some((line) => line['model'] === 'plain'), { what: 'the transcript' });
    const last = lines().findLast((line) => line['model'] === 'plain');
    expect(last).toMatchObject({ provider: 'sim' });
    expect(JSON.stringify(last)).toContain('Say hello to the fleet.');
    const metrics = await (await shape.fetch('/metrics')).text();
    expect(metrics).toMatch(
      /gen_ai_server_request_duration.*gen_ai_provider_name="local".*gen_ai_request_model="qlora-prod"/,
    );
  });
});
