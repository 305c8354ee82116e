import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from '@jest/globals';
import { KubeError, type KubeApi, type KubeObject, type Resource } from '@flotilla/kubernetes';
import { requireTool, until } from '@flotilla/testkit';
import { parse } from 'yaml';
import type { LocalCluster } from './local-cluster.ts';

const crdFile = path.resolve(import.meta.dirname, '../../../charts/flotilla/files/models.fleet.flotilla.dev.yaml');

interface Model extends KubeObject {
  spec: Record<string, unknown>;
}

const models: Resource<Model> = {
  apiVersion: 'fleet.flotilla.dev/v1alpha1',
  kind: 'Model',
  plural: 'models',
  namespaced: true,
};
const definitions: Resource<KubeObject & { status?: { conditions?: { type: string; status: string }[] } }> = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

const hub = { repo: 'Qwen/Qwen3-8B' };
const smallest = { source: { hub }, profiles: [{ name: 'l4' }] };
const profile = (more: object) => ({ profiles: [{ name: 'l4', ...more }] });
const schedule = (more: object) => ({
  scaling: { schedules: [{ name: 'day', start: '0 8 * * 1-5', durationMinutes: 60, minReplicas: 1, ...more }] },
});

/** What is wrong with it, what of the spec makes it so (over the smallest one), and what the API server then says. */
const refusals: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ['no source', { source: {} }, 'name exactly one of hub, pvc, s3 and image'],
  ['two sources', { source: { hub, pvc: { claim: 'w' } } }, 'name exactly one of hub, pvc, s3 and image'],
  ['an address as repository', { source: { hub: { repo: 'https://huggingface.co/a/b' } } }, 'owner/name as on the hub'],
  [
    'a folder above the volume',
    { source: { pvc: { claim: 'w', path: '../other' } } },
    'without a leading / and without ..',
  ],
  ['a bucket without s3://', { source: { s3: { uri: 'models/qwen' } } }, 'begins with s3://'],
  ['no profile', { profiles: [] }, 'should have at least 1 items'],
  ['two profiles of one name', { profiles: [{ name: 'a' }, { name: 'a' }] }, 'Duplicate value'],
  ['a profile with a strange name', { profiles: [{ name: 'H100' }] }, 'profiles.name: lower-case letters'],
  ['more parts than GPUs', profile({ count: 2, tensorParallel: 4 }), 'more than the GPUs of a replica'],
  [
    'GPUs of other hosts that stay unused',
    profile({ count: 8, hosts: 2, tensorParallel: 8, pipelineParallel: 1 }),
    'over several hosts tensorParallel × pipelineParallel has to be count × hosts',
  ],
  ['memory that is no quantity', profile({ memory: 'lots' }), 'a quantity above 0'],
  [
    'two adapters of one name',
    {
      adapters: [
        { name: 'a', path: 'x' },
        { name: 'a', path: 'y' },
      ],
    },
    'Duplicate value',
  ],
  [
    'an adapter with the name of the model',
    { adapters: [{ name: 'm', path: 'x' }] },
    'has the name of the model itself',
  ],
  ['a served name with blanks', { servedName: 'my model' }, 'servedName: letters, digits'],
  [
    'an argument that the Model sets',
    { engine: { args: ['--port=9000'] } },
    'engine.args: one of them is set by the Model',
  ],
  [
    'a minimum above the maximum',
    { scaling: { minReplicas: 3, maxReplicas: 2 } },
    'scaling.minReplicas: above maxReplicas',
  ],
  [
    'a minimum that the profiles do not allow',
    { ...profile({ maxReplicas: 1 }), scaling: { minReplicas: 2, maxReplicas: 4 } },
    'the profiles together allow fewer replicas',
  ],
  [
    'a panic window longer than the stable one',
    { scaling: { panicWindowSeconds: 90 } },
    'longer than stableWindowSeconds',
  ],
  ['deep sleep before sleep', { scaling: { idle: { sleepSeconds: 60, deepSleepSeconds: 30 } } }, 'before sleepSeconds'],
  ['zero before sleep', { scaling: { idle: { sleepSeconds: 900 } } }, 'before the sleep that comes ahead of it'],
  ['four fields of cron', schedule({ start: '0 8 * *' }), 'five fields of cron'],
  ['a schedule that changes nothing', schedule({ minReplicas: undefined }), 'changes nothing'],
  [
    'a schedule with its bounds crossed',
    schedule({ minReplicas: 3, maxReplicas: 1 }),
    'minReplicas is above maxReplicas',
  ],
  ['a time zone that is none', schedule({ timezone: 'two hours east' }), 'a name of the IANA database'],
  ['a canary that nobody watches', { rollout: { canary: { seconds: 0 } } }, 'has to be watched for a while'],
  ['a strategy that is not there', { rollout: { strategy: 'Recreate' } }, 'supported values: "Surge", "InPlace"'],
  ['a cache of two claims', { cache: { claim: 'a', size: '1Gi' } }, 'name either claim'],
  [
    'a storage class for a claim that is there',
    { cache: { claim: 'a', storageClass: 'b' } },
    'only for a claim that is made',
  ],
  [
    'prefetch of what is not on the hub',
    { source: { s3: { uri: 's3://b/x' } }, cache: { size: '1Gi', prefetch: true } },
    'only weights from source.hub',
  ],
];

/** Kinds that the cluster's own client has to know for this suite. */
export const modelResources: readonly Resource[] = [models, definitions];

/** The Model resource on a real API server. */
export function modelCrdSuite(current: () => LocalCluster): void {
  let cluster: LocalCluster;
  let api: KubeApi;

  beforeAll(async () => {
    cluster = current();
    ({ api } = cluster);
    await api.create(parse(readFileSync(crdFile, 'utf8')) as KubeObject);
    const name = 'models.fleet.flotilla.dev';
    const condition = async (type: string) =>
      (await api.get(definitions, { name }))?.status?.conditions?.find((each) => each.type === type)?.status;
    await until(async () => (await condition('Established')) === 'True', { what: 'the resource to be served' });
    expect(await condition('NonStructuralSchema')).toBeUndefined();
    await until(async () => served(api), { what: 'the resource to be listed' });
  });

  it('fills in what a short Model leaves out', async () => {
    const { spec } = await api.create(model('short', smallest));
    expect(spec).toMatchObject({
      capabilities: ['chat'],
      engine: { args: [], env: [], port: 8_000 },
      profiles: [{ name: 'l4', resource: 'nvidia.com/gpu', count: 1, hosts: 1, sharedMemory: '8Gi', costPerHour: 1 }],
      scaling: {
        minReplicas: 0,
        maxReplicas: 1,
        target: { requests: 32, waiting: 5, kvCache: 0.8 },
        scaleUp: { percentPerMinute: 400, podsPerMinute: 4 },
        idle: { sleepSeconds: 0, deepSleepSeconds: 0, zeroSeconds: 600 },
      },
      rollout: { strategy: 'Surge', canary: { weight: 10, seconds: 60, minRequests: 20 } },
      drainSeconds: 300,
    });
    expect(spec).not.toHaveProperty('replicas');
  });

  it('takes what names every kind of thing', async () => {
    const full = {
      servedName: 'meta-llama/Llama-3.1-405B',
      source: { hub: { ...hub, revision: 'main', tokenSecret: { name: 'hf', key: 'token' } } },
      engine: {
        args: ['--max-model-len=8192', '--max-num-seqs', '64'],
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      },
      cache: { size: '1Ti', storageClass: 'fast', prefetch: true },
      ...profile({
        count: 8,
        hosts: 2,
        memory: '512Gi',
        cpu: '32',
        tolerations: [{ key: 'x', operator: 'Exists' }],
        affinity: { nodeAffinity: {} },
      }),
      adapters: [{ name: 'legal', path: '/models/legal', minReplicas: 0 }],
      ...{
        scaling: {
          maxReplicas: 8,
          idle: { sleepSeconds: 60, deepSleepSeconds: 300, zeroSeconds: 0 },
          ...schedule({ timezone: 'America/Argentina/Buenos_Aires', start: '*/15 8-18 * JAN-JUN MON-FRI' }).scaling,
        },
      },
      rollout: { strategy: 'InPlace', canary: { weight: 0, seconds: 0 } },
    };
    const { spec } = await api.create(model('full', full));
    // Nothing was dropped as unknown.
    expect(spec).toMatchObject(full);
  });

  it.each(refusals)('refuses %s and says what to do', async (_what, wrong, message) => {
    await expect(refusal(model('m', { ...smallest, ...wrong }))).resolves.toContain(message);
  });

  it('refuses names that pods cannot be named after', async () => {
    await expect(refusal(model('llama-3.1', smallest))).resolves.toContain('a Service gets this name');
    await expect(refusal(model('a'.repeat(39), smallest))).resolves.toContain(
      'together with the longest name of a profile',
    );
  });

  it('keeps the name that clients ask for', async () => {
    await api.create(model('named', { ...smallest, servedName: 'one' }));
    const renamed = api.patch(models, { namespace: 'default', name: 'named' }, { spec: { servedName: 'two' } });
    await expect(renamed).rejects.toThrow('servedName: cannot be changed');
    const nameless = api.patch(models, { namespace: 'default', name: 'named' }, { spec: { servedName: null } });
    await expect(nameless).rejects.toThrow('servedName: cannot be changed');
  });

  it('explains, scales and lists to kubectl', async () => {
    await api.create(model('scaled', smallest));
    expect(await kubectl('explain', 'model.spec.scaling.idle')).toMatch(/Each step\s+is\s+counted/);
    expect(await kubectl('scale', 'fm/scaled', '--replicas=3')).toContain('scaled');
    expect((await api.get(models, { namespace: 'default', name: 'scaled' }))?.spec.replicas).toBe(3);
    expect(await kubectl('get', 'flotilla')).toMatch(/NAME +PHASE +READY +DESIRED +REVISION +AGE/);
    expect(await kubectl('get', 'models', '-o', 'wide')).toContain('REASON');
  }, 60_000);

  /** Why it is refused; empty: it is not. */
  async function refusal(object: Model): Promise<string> {
    try {
      await api.create(object);
    } catch (error) {
      if (error instanceof KubeError && error.kind === 'invalid') return error.message;
      throw error;
    }
    await api.delete(models, { namespace: 'default', name: object.metadata.name });
    return '';
  }

  async function kubectl(...args: string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.stateDir };
    const command = [requireTool('control-plane'), ['kubectl', ...args], { env, timeout: 30_000 }] as const;
    return (await promisify(execFile)(...command)).stdout;
  }
}

function model(name: string, spec: Record<string, unknown>): Model {
  return { apiVersion: models.apiVersion, kind: models.kind, metadata: { name, namespace: 'default' }, spec };
}

async function served(api: KubeApi): Promise<boolean> {
  return api.list(models, { namespace: 'default' }).then(
    () => true,
    () => false,
  );
}
