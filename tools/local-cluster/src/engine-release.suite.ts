import path from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { createHelm, type Helm, type Values } from '@flotilla/helm';
import {
  deployments,
  namespaces,
  pods,
  services,
  type KubeObject,
  type Pod,
  type Resource,
} from '@flotilla/kubernetes';
import { until } from '@flotilla/testkit';
import type { LocalCluster } from './local-cluster.ts';

const chart = path.resolve(import.meta.dirname, '../../../charts/vllm-engine');
const namespace = 'engines';
const release = { release: 'qwen', namespace };
const small: Values = {
  model: 'Qwen/Qwen3-8B',
  source: { hub: { repo: 'Qwen/Qwen3-8B' } },
  drainSeconds: 5,
  preStopSeconds: 1,
};
const jobs: Resource<KubeObject & { status?: { succeeded?: number } }> = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  plural: 'jobs',
  namespaced: true,
};
/** Milliseconds of a change that waits for pods. */
const timeoutMs = 120_000;

/** Releases of the engines' chart in a cluster that runs pods as processes. */
export function engineReleaseSuite(current: () => LocalCluster): void {
  let cluster: LocalCluster;
  let helm: Helm;

  beforeAll(async () => {
    cluster = current();
    helm = createHelm({ kubeconfig: cluster.kubeconfig });
    // What does not fit the restricted profile is refused there by the API server.
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await cluster.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
    await until(async () => (await cluster.api.get(namespaces, { name: namespace })) !== undefined, {
      what: 'a namespace',
    });
  });

  it('installs, serves, upgrades, rolls back and goes without a trace, in a namespace that is restricted', async () => {
    const installed = await helm.install({ ...release, chart, values: small }, { wait: true, timeoutMs });
    expect(installed).toMatchObject({
      revision: 1,
      status: 'deployed',
      notes: expect.stringContaining('Qwen/Qwen3-8B'),
    });
    expect(await servedModels()).toEqual(['Qwen/Qwen3-8B']);

    const renamed = { ...small, model: 'qwen3', replicas: 2 };
    const upgraded = await helm.upgrade({ ...release, chart, values: renamed }, { wait: true, timeoutMs });
    expect(upgraded).toMatchObject({ revision: 2, status: 'deployed' });
    expect(await servedModels()).toEqual(['qwen3', 'qwen3']);

    const back = await helm.rollback(release, { wait: true, timeoutMs });
    expect(back).toMatchObject({ revision: 3, status: 'deployed', description: 'Rollback to 1' });
    expect(await servedModels()).toEqual(['Qwen/Qwen3-8B']);
    expect(await helm.status(release)).toEqual(back);

    await helm.uninstall(release, { wait: true, timeoutMs });
    expect(await helm.status(release)).toBeUndefined();
    await until(async () => (await enginePods()).length === 0, { timeoutMs: 60_000, what: 'pods to go' });
    expect((await cluster.api.list(services, { namespace })).items).toEqual([]);
  }, 400_000);

  it('says what stands in the way, each in its own kind', async () => {
    const twice = { ...release, chart, release: 'twice', values: small };
    await helm.install(twice, { timeoutMs });
    await expect(helm.install(twice, { timeoutMs })).rejects.toMatchObject({ kind: 'exists' });
    await expect(helm.rollback({ ...twice, revision: 7 }, { timeoutMs })).rejects.toMatchObject({ kind: 'not_found' });
    await helm.uninstall(twice, { timeoutMs });
    await expect(helm.uninstall(twice, { timeoutMs })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(helm.upgrade(twice, { timeoutMs })).rejects.toMatchObject({ kind: 'not_found' });

    const scaled = { ...small, autoscaling: { kind: 'keda' } };
    const noKeda = helm.install({ ...twice, values: scaled }, { timeoutMs });
    await expect(noKeda).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('ScaledObject') });
    const nowhere = helm.install({ ...twice, namespace: 'nowhere' }, { timeoutMs });
    await expect(nowhere).rejects.toMatchObject({ kind: 'refused' });
  }, 120_000);

  it('undoes an install that does not become ready', async () => {
    const values = { ...small, profile: { nodeSelector: { 'example.com/gpu': 'none' } } };
    const late = helm.install(
      { ...release, chart, release: 'late', values },
      { wait: true, atomic: true, timeoutMs: 20_000 },
    );
    await expect(late).rejects.toMatchObject({ kind: 'not_ready' });
    expect(await helm.status({ release: 'late', namespace })).toBeUndefined();
    expect(await cluster.api.get(deployments, { namespace, name: 'late' })).toBeUndefined();
  }, 120_000);

  it('fetches weights ahead into a cache that the engines share', async () => {
    const values = { ...small, cache: { size: '10Gi', prefetch: true } };
    await helm.install({ ...release, chart, release: 'cached', values }, { wait: true, timeoutMs });
    await until(async () => (await fetched()) === 1, { timeoutMs: 60_000, what: 'the weights to be fetched' });
    await helm.uninstall({ release: 'cached', namespace }, { timeoutMs });

    async function fetched(): Promise<number | undefined> {
      const { items } = await cluster.api.list(jobs, { namespace });
      return items.find(({ metadata }) => metadata.name.startsWith('cached-fetch-'))?.status?.succeeded;
    }
  }, 240_000);

  async function enginePods(): Promise<Pod[]> {
    const labelSelector = 'app.kubernetes.io/name=vllm-engine,app.kubernetes.io/instance=qwen';
    const { items } = await cluster.api.list(pods, { namespace, labelSelector });
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** What each pod says that it serves. */
  async function servedModels(): Promise<(string | undefined)[]> {
    const ready = await enginePods();
    return Promise.all(
      ready.map(async ({ status }) => {
        const url = `http://${status?.podIP}:8000/v1/models`;
        const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
        return ((await response.json()) as { data: { id: string }[] }).data[0]?.id;
      }),
    );
  }
}
