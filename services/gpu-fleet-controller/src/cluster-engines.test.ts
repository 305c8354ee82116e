import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@flotilla/bus';
import { systemClock, systemRandom } from '@flotilla/kernel';
import { createClusterEngines } from './cluster-engines.ts';
import { fleetDefaults, type FleetConfig } from './config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'flotilla-settings-'));
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'models' } }],
  };
  await writeFile(path.join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
});
afterEach(() => rm(folder, { recursive: true }));

const started = (config: Partial<FleetConfig>) =>
  createClusterEngines(
    { ...fleetDefaults, kubernetes: true, kubeconfig: path.join(folder, 'kubeconfig'), ...config },
    { bus: createMemoryBus(), clock: systemClock, random: systemRandom },
  );

describe('a fleet controller of a cluster does not start', () => {
  it('without a chart to make engines from', async () => {
    await expect(started({ engineChart: folder })).rejects.toThrow(
      /There is no chart in .*FLOTILLA_FLEET_ENGINE_CHART/,
    );
  });

  it('with values that are no YAML', async () => {
    await writeFile(path.join(folder, 'Chart.yaml'), 'version: 1.0.0\n');
    await writeFile(path.join(folder, 'values.yaml'), 'a: [1');
    const engineValues = path.join(folder, 'values.yaml');
    await expect(started({ engineChart: folder, engineValues })).rejects.toThrow('FLOTILLA_FLEET_ENGINE_VALUES');
  });

  it('without the kubeconfig it is told of', async () => {
    await expect(started({ kubeconfig: path.join(folder, 'absent') })).rejects.toThrow(/no kubeconfig at .*absent/);
  });
});
