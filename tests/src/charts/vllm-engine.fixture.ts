import path from 'node:path';
import { createHelm, type HelmObject, type Values } from '@flotilla/helm';
import { root, type Container, type PodSpec } from './flotilla.fixture.ts';

export const engineChart = path.join(root, 'charts/vllm-engine');

const hub = { repo: 'Qwen/Qwen3-8B', revision: '9c925d6', tokenSecret: { name: 'hugging-face', key: 'token' } };
const profile = (more: object) => ({ profile: { name: 'h100', ...more } });

/** As the fleet controller sets them. */
export const byController: Values = {
  workload: 'h100-0a1b2c3d',
  revision: '0a1b2c3d',
  labels: { 'fleet.flotilla.dev/model': 'qwen', 'app.kubernetes.io/managed-by': 'flotilla-fleet' },
};

export const least: Values = { source: { hub: { repo: 'Qwen/Qwen3-8B' } } };

/** One of every source, profile and switch, by name. */
export const variants: Readonly<Record<string, Values>> = {
  'the least': least,
  'a token for the hub': { source: { hub } },
  'a shared cache, filled ahead': { source: { hub }, cache: { size: '200Gi', storageClass: 'fast', prefetch: true } },
  'a cache that is there': { source: { hub }, cache: { claim: 'weights' } },
  'weights on a volume': { source: { pvc: { claim: 'weights', path: 'qwen3-8b' } } },
  'weights in a bucket': {
    source: {
      s3: { uri: 's3://models/qwen', endpoint: 'http://minio:9000', region: 'local', credentialsSecret: 's3' },
    },
    ...profile({ count: 4 }),
  },
  'weights in an image': { source: { image: { reference: 'registry.example.com/qwen:1', path: 'weights' } } },
  'eight GPUs': { source: { hub }, ...profile({ count: 8, cpu: '32', memory: '512Gi', sharedMemory: '32Gi' }) },
  'two hosts': { source: { hub }, ...profile({ count: 8, hosts: 2 }) },
  'adapters and sleep': { source: { hub }, adapters: [{ name: 'legal', path: '/models/legal' }], sleep: true },
  'AMD, chosen nodes': {
    source: { hub },
    ...profile({
      resource: 'amd.com/gpu',
      nodeSelector: { 'example.com/gpu': 'mi300x' },
      tolerations: [{ key: 'reserved', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
    }),
  },
  'an HPA': { source: { hub }, autoscaling: { kind: 'hpa' } },
  'KEDA over two hosts': {
    source: { hub },
    ...profile({ count: 8, hosts: 2 }),
    autoscaling: { kind: 'keda', minReplicas: 0 },
  },
  'a site’s own ways': {
    source: { hub },
    imagePullSecrets: [{ name: 'registry' }],
    ...{ priorityClassName: 'serving', runtimeClassName: 'nvidia', podAnnotations: { team: 'search' } },
    serviceAccount: { create: false, name: 'reader' },
    networkPolicy: { platformNamespace: 'flotilla', metricsNamespace: 'monitoring' },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  },
  'the controller': { source: { hub }, ...byController },
};

export function renderEngine(values: Values): Promise<HelmObject[]> {
  return createHelm().template({ release: 'qwen', namespace: 'models', chart: engineChart, values });
}

export interface Template {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

/** What each kind of workload makes pods of. */
export function templatesOf(objects: readonly HelmObject[]): Template[] {
  return objects.flatMap(({ spec }) => {
    const { template, leaderWorkerTemplate: group } = (spec ?? {}) as {
      template?: Template;
      leaderWorkerTemplate?: { leaderTemplate: Template; workerTemplate: Template };
    };
    return [template, group?.leaderTemplate, group?.workerTemplate].filter((each) => each !== undefined);
  });
}

export const find = (objects: readonly HelmObject[], kind: string): HelmObject | undefined =>
  objects.find((object) => object.kind === kind);

/** The container that serves, of the workload's first template. */
export async function engineOf(values: Values): Promise<Container & { args: string[]; ports?: unknown[] } & Probes> {
  const templates = templatesOf(await renderEngine(values));
  return templates.find(({ spec }) => spec.containers[0]?.name === 'engine')!.spec.containers[0] as never;
}

interface Probes {
  startupProbe?: { periodSeconds: number; failureThreshold: number };
  lifecycle?: { preStop: { sleep: { seconds: number } } };
}
