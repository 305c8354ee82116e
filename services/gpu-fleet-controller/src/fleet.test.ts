import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import type { ProviderConfig } from '@flotilla/kernel';
import { freePort, until } from '@flotilla/testkit';
import { startFleet, type TestFleet } from './fleet.fixture.ts';

const { READY, UNHEALTHY } = fleet.EngineState;

let running: TestFleet | undefined;
const sims: EngineSim[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await running?.stop();
  running = undefined;
  for (const sim of sims.splice(0)) await sim.stop();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function engineSim(...args: Parameters<typeof startEngineSim>): Promise<EngineSim> {
  const sim = await startEngineSim(...args);
  sims.push(sim);
  return sim;
}

const vllm = (name: string, url: string, key?: string): ProviderConfig => ({
  ...{ name, kind: 'vllm', base_url: `${url}/v1` },
  ...(key !== undefined && { api_key_env: key }),
});

/** A server that answers these paths with JSON and everything else with 404. */
async function answering(paths: Record<string, unknown>): Promise<string> {
  const server = createServer((request, response) => {
    const value = paths[request.url ?? ''];
    response.writeHead(value === undefined ? 404 : 200).end(JSON.stringify(value ?? {}));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('configured engines', () => {
  it('are ready with their models and their load when the service has started', async () => {
    const sim = await engineSim({ model: 'llama', embeddingModel: 'llama-embed' });
    running = await startFleet([vllm('a', sim.url)]);
    expect(await running.list()).toMatchObject([
      {
        ...{ id: 'a', provider: 'a', kind: 'vllm', baseUrl: `${sim.url}/v1`, state: READY, reason: '', managed: false },
        load: { running: 0, waiting: 0, kvCacheUsage: 0 },
        models: [
          { name: 'llama', capabilities: ['chat'] },
          { name: 'llama-embed', capabilities: ['embeddings'] },
        ],
      },
    ]);
    await until(() => running!.told.at(-1)?.[0]?.state === READY);
  });

  it('that do not answer are unhealthy and say why, and do not hold up those that do', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('gone', `http://127.0.0.1:${await freePort()}`), vllm('here', sim.url)]);
    expect((await running.engine('gone'))?.reason).toBe('nothing listens at its address');
    expect((await running.engine('here'))?.state).toBe(READY);
  });

  it('that die are told of, and told of again when they are back', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('a', sim.url)]);
    const fault = (method: string, body?: string) => fetch(`${sim.url}/sim/faults`, { method, body });
    await fault('POST', JSON.stringify({ fault: 'dead' }));
    expect((await running.reaches('a', UNHEALTHY)).reason).toMatch(/503|broke/);
    await until(() => running!.told.at(-1)?.[0]?.state === UNHEALTHY);
    await fault('DELETE');
    await running.reaches('a', READY);
    await until(() => running!.told.at(-1)?.[0]?.state === READY);
  });

  it('that hang are unhealthy after the deadline of the probe', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('a', sim.url)], { probeTimeoutMs: 200 });
    await fetch(`${sim.url}/sim/faults`, { method: 'POST', body: JSON.stringify({ fault: 'hang', path: '/' }) });
    expect((await running.reaches('a', UNHEALTHY)).reason).toBe('it did not answer in time');
  });

  it('that sleep are not ready, and are when they wake', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('a', sim.url)]);
    await fetch(`${sim.url}/sleep?level=1`, { method: 'POST' });
    expect((await running.reaches('a', UNHEALTHY)).reason).toBe('it sleeps');
    await fetch(`${sim.url}/wake_up`, { method: 'POST' });
    await running.reaches('a', READY);
  });

  it('that load an adapter are told of with the new model', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('a', sim.url)]);
    const body = JSON.stringify({ lora_name: 'sql', lora_path: '/sql' });
    await fetch(`${sim.url}/v1/load_lora_adapter`, { method: 'POST', body });
    await until(() => running!.told.at(-1)?.[0]?.models.some(({ name }) => name === 'sql'));
  });

  it('are asked with the key of their variable, which is never shown', async () => {
    const sim = await engineSim({ apiKey: 'very-secret' });
    const providers = [
      vllm('with', sim.url, 'KEY'),
      vllm('wrong', sim.url, 'WRONG'),
      vllm('without', sim.url, 'UNSET'),
    ];
    running = await startFleet(providers, {}, { KEY: 'very-secret', WRONG: 'not-so-secret' });
    const [right, wrong, without] = await running.list();
    expect(right!.state).toBe(READY);
    expect(wrong!.reason).toBe('the API key is missing or was refused (401)');
    expect(without!.reason).toBe('UNSET is not set');
    expect(JSON.stringify(await running.list())).not.toContain('secret');
  });

  it('may be Ollama or speak OpenAI, each with its own list of models', async () => {
    const tags = { models: [{ name: 'llama3.1:8b' }, { name: 'nomic', details: { family: 'nomic-bert' } }] };
    const ollama = await answering({ '/api/tags': tags });
    const data = [{ id: 'big', architecture: { output_modalities: ['text'] } }, { id: 'text-embedding-3-small' }];
    const openai = await answering({ '/v1/models': { object: 'list', data } });
    running = await startFleet([
      { name: 'o', kind: 'ollama', base_url: `${ollama}/v1/` },
      { name: 'r', kind: 'openrouter', base_url: `${openai}/v1` },
    ]);
    const [first, second] = await running.list();
    expect(first).toMatchObject({ state: READY, baseUrl: ollama, load: undefined });
    expect(first!.models).toEqual([
      { name: 'llama3.1:8b', capabilities: [] },
      { name: 'nomic', capabilities: ['embeddings'] },
    ]);
    expect(second!.models).toEqual([
      { name: 'big', capabilities: ['chat'] },
      { name: 'text-embedding-3-small', capabilities: ['embeddings'] },
    ]);
  });

  it('may be hosted: Anthropic with its list of models, RunPod with the jobs of an endpoint and no worker woken', async () => {
    const anthropic = await answering({ '/v1/models?limit=1000': { data: [{ id: 'claude' }] } });
    const jobs = { completed: 9, failed: 0, inProgress: 2, inQueue: 3, retried: 0 };
    const runpod = await answering({ '/v2/abc/health': { jobs, workers: { idle: 0, running: 2 } } });
    running = await startFleet([
      { name: 'a', kind: 'anthropic', base_url: `${anthropic}/v1` },
      { name: 'r', kind: 'runpod', base_url: `${runpod}/v2/abc` },
    ]);
    const [first, second] = await running.list();
    expect(first).toMatchObject({ state: READY, models: [{ name: 'claude', capabilities: ['chat'] }] });
    expect(second).toMatchObject({ state: READY, models: [], load: { running: 2, waiting: 3 } });
  });

  it('that answer in a form of their own are unhealthy, not trusted', async () => {
    running = await startFleet([
      { name: 'odd', kind: 'openai', base_url: await answering({ '/models': { hello: 1 } }) },
    ]);
    expect((await running.engine('odd'))?.reason).toBe('the list of models is not in the form of this kind of engine');
  });

  it('come and go with the configuration, without a restart', async () => {
    const [one, two] = [await engineSim(), await engineSim()];
    running = await startFleet([vllm('a', one.url)]);
    running.change([vllm('a', one.url), vllm('b', two.url)]);
    await running.reaches('b', READY);
    running.change([vllm('b', two.url)]);
    await until(async () => (await running!.list()).length === 1);
    await until(() => running!.told.at(-1)?.length === 1);
    running.change([vllm('b', one.url)]);
    await until(async () => (await running!.engine('b'))?.baseUrl === `${one.url}/v1`);
  });
});

describe('asking for what cannot be', () => {
  it('says so: an unknown engine, an engine that is no process of ours', async () => {
    const sim = await engineSim();
    running = await startFleet([vllm('a', sim.url)]);
    await expect(running.client.startEngine({ engineId: 'nobody' })).rejects.toMatchObject({
      code: 'not_found',
      message: 'There is no engine "nobody". Known: a.',
    });
    await expect(running.client.stopEngine({ engineId: 'a' })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
