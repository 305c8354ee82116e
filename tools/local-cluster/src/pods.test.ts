import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWith } from '@flotilla/testkit';
import { podSuite, toolbox } from './agent/agent.suite.ts';
import { localImages } from './agent/index.ts';
import { engineReleaseSuite } from './engine-release.suite.ts';
import { startLocalCluster, type LocalCluster } from './local-cluster.ts';

describeWith(['etcd', 'control-plane', 'kwok'], 'a Kubernetes whose pods are processes', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    const images = [...localImages(), toolbox()];
    const backOff = { firstMs: 300, mostMs: 600 };
    cluster = await startLocalCluster({ agent: { images, backOff, probeEveryMs: 500 } });
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  describe('pods', () => podSuite(() => cluster));
  describeWith(['helm'], 'the engine chart, by hand', () => engineReleaseSuite(() => cluster));

  it('leaves nothing behind when it stops', async () => {
    expect(processesOf(cluster.stateDir)).not.toEqual([]);
    await cluster.stop();
    expect(processesOf(cluster.stateDir)).toEqual([]);
    expect(existsSync(cluster.stateDir)).toBe(false);
  }, 60_000);
});

/** Processes of this machine in whose environment the folder occurs. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
}
