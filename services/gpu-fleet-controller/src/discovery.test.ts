import { afterEach, describe, expect, it } from '@jest/globals';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import type { ProviderConfig } from '@flotilla/kernel';
import { freePort } from '@flotilla/testkit';
import { discoverProviders } from './discovery.ts';
import { startFleet } from './fleet.fixture.ts';

let sim: EngineSim | undefined;

afterEach(async () => {
  await sim?.stop();
  sim = undefined;
});

const local = (port: number): ProviderConfig[] => [
  { name: 'ollama', kind: 'ollama', base_url: `http://127.0.0.1:${port}` },
  { name: 'vllm', kind: 'vllm', base_url: `http://127.0.0.1:${port}/v1` },
];

describe('looking for engines', () => {
  it('finds what answers in its own way, after the providers there is a key for', async () => {
    sim = await startEngineSim();
    const found = await discoverProviders({ OPENAI_API_KEY: 'k', OPENROUTER_API_KEY: '' }, { local: local(sim.port) });
    expect(found.map(({ name }) => name)).toEqual(['openai', 'vllm']);
    expect(JSON.stringify(found)).not.toContain('"k"');
  });

  it('finds nothing where nothing is', async () => {
    expect(await discoverProviders({}, { local: local(await freePort()) })).toEqual([]);
  });

  it('is not done when the configuration names engines or it is off', async () => {
    const fleet = await startFleet([], {}, { OPENROUTER_API_KEY: 'k' });
    expect(await fleet.list()).toEqual([]);
    await fleet.stop();
  });
});
