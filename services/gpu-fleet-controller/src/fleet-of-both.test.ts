import { expect, it } from '@jest/globals';
import { liveValue, parsePlatformFile, systemClock } from '@flotilla/kernel';
import { createOllamaControl } from './activation/ollama-control.http.ts';
import type { EngineView } from './engine-view.ts';
import { Fleet } from './fleet.ts';
import { fleetDefaults } from './index.ts';
import { createHttpProbe } from './probe.http.ts';
import { createProcessHost } from './process-host.node.ts';

const engine: EngineView = {
  ...{ id: 'ns/llama', provider: 'fleet', kind: 'vllm', baseUrl: '', state: 'stopped', reason: '', since: 0 },
  ...{ models: [], managed: false, load: undefined, activatable: ['llama'], onDemand: true, scope: 'ns/llama' },
};

it('asks the cluster for models of the provider `fleet` alone, and lists its engines beside those of this machine', async () => {
  const asked: string[] = [];
  const cluster = {
    start: async () => void asked.push('start'),
    stop: async () => void asked.push('stop'),
    list: () => [engine],
    activate: async (model: string) => (asked.push(`activate ${model}`), engine),
    used: (model: string) => (asked.push(`used ${model}`), engine),
  };
  const file = {
    ...parsePlatformFile(''),
    providers: [{ name: 'local', kind: 'openai', base_url: 'http://127.0.0.1:1/v1' }],
  };
  const fleet = new Fleet(
    { ...fleetDefaults, startWaitMs: 0 },
    {
      ...{ clock: systemClock, env: {}, file: liveValue(file as ReturnType<typeof parsePlatformFile>), cluster },
      ...{ http: createHttpProbe(), ollama: createOllamaControl(), publish: async () => undefined },
      processes: createProcessHost({}, systemClock),
    },
  );
  await fleet.start();
  const { signal } = new AbortController();
  expect(await fleet.activate('fleet', 'llama', signal)).toBe(engine);
  expect(fleet.used('fleet', 'llama')).toBe(engine);
  await expect(fleet.activate('local', 'llama', signal)).rejects.toMatchObject({ code: expect.any(String) });
  expect(() => fleet.used('local', 'llama')).toThrow();
  expect(fleet.list().map(({ id }) => id)).toEqual(['local', 'ns/llama']);
  expect(fleet.autostart().services).toEqual([]);
  await fleet.stop();
  expect(asked).toEqual(['start', 'activate llama', 'used llama', 'stop']);
});
