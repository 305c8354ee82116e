import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import type { ProviderConfig } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { startFleet, type TestFleet } from '../fleet.fixture.ts';

const { READY, STOPPED, UNHEALTHY } = fleet.EngineState;

let server: Server;
let running: TestFleet | undefined;
let loaded: string[];
let asked: Record<string, unknown>[];
let provider: ProviderConfig;

const installed = ['color-narrator:latest', 'other:7b'];

/** Ollama, as far as lists, loading and unloading go. */
function answer(url: string, body: { model: string; keep_alive: number }): [status: number, value: unknown] {
  if (url === '/api/tags') return [200, { models: installed.map((name) => ({ name })) }];
  if (url === '/api/ps') return [200, { models: loaded.map((name) => ({ name })) }];
  asked.push(body);
  const name = installed.find((one) => one === body.model || one === `${body.model}:latest`);
  if (name === undefined) return [404, { error: `model '${body.model}' not found` }];
  if (name === 'other:7b') return [500, { error: 'model requires more memory, token=abc123def' }];
  loaded = loaded.filter((one) => one !== name).concat(body.keep_alive === 0 ? [] : [name]);
  return [200, { model: body.model, done: true, done_reason: body.keep_alive === 0 ? 'unload' : 'load' }];
}

beforeEach(async () => {
  [loaded, asked] = [[], []];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const [status, value] = answer(request.url!, JSON.parse(text || '{}'));
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const services = ['color-narrator', 'other:7b', 'gone'].map((name) => ({ name, env: {}, args: [] }));
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  provider = { name: 'ollama', kind: 'ollama', base_url, services };
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  server.closeAllConnections();
  server.close();
});

describe('a model of Ollama', () => {
  it('is loaded when it is asked for and unloaded when it is to stop', async () => {
    running = await startFleet([provider]);
    expect(await running.engine('ollama')).toMatchObject({ state: READY, models: [] });
    expect(await running.reaches('ollama/color-narrator', STOPPED)).toMatchObject({
      ...{ provider: 'ollama', activatable: ['color-narrator'], models: [], onDemand: true },
    });
    expect(await running.activate('ollama', 'color-narrator')).toMatchObject({
      ...{ state: READY, kind: 'ollama', baseUrl: provider.base_url, models: [{ name: 'color-narrator' }] },
    });
    expect(asked).toEqual([{ model: 'color-narrator', keep_alive: -1, stream: false }]);
    expect(await running.autostart('ollama:color-narrator')).toMatchObject({ activeModel: 'color-narrator', pid: 0 });
    await running.client.stopEngine({ engineId: 'ollama/color-narrator' });
    expect(asked.at(-1)).toMatchObject({ model: 'color-narrator', keep_alive: 0 });
    await running.reaches('ollama/color-narrator', STOPPED);
  });

  it('is ready when someone else has loaded it, and not when the server let it go', async () => {
    loaded = ['color-narrator:latest'];
    running = await startFleet([provider]);
    await running.reaches('ollama/color-narrator', READY);
    loaded = [];
    await running.reaches('ollama/color-narrator', STOPPED);
  });

  it('that is not installed is not fetched: the error says how to', async () => {
    running = await startFleet([provider]);
    await expect(running.activate('ollama', 'gone')).rejects.toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('run "ollama pull gone" once'),
    });
  });

  it('that cannot be loaded says why, without secrets', async () => {
    running = await startFleet([provider]);
    await expect(running.activate('ollama', 'other:7b')).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: 'Ollama cannot load "other:7b": model requires more memory, token=[redacted]',
    });
  });

  it('of a server that is away is unhealthy', async () => {
    running = await startFleet([{ ...provider, base_url: 'http://127.0.0.1:9' }]);
    expect((await running.reaches('ollama/color-narrator', UNHEALTHY)).reason).toBe(
      'Ollama does not answer at its address.',
    );
    await expect(running.activate('ollama', 'color-narrator')).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('is stopped after its idle time', async () => {
    running = await startFleet([{ ...provider, on_demand: { idle_stop_ms: 200, min_up_ms: 0 } }]);
    await running.activate('ollama', 'color-narrator');
    await running.reaches('ollama/color-narrator', STOPPED);
    // It is told to nobody any more before it is let go.
    await until(() => loaded.length === 0);
  });
});
