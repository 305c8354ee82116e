import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createHelm, type HelmObject, type Values } from '@flotilla/helm';
import { parse } from 'yaml';

export const root = path.resolve(import.meta.dirname, '../../..');
export const chart = path.join(root, 'charts/flotilla');

export const services = [
  'gateway',
  'rate-limiter',
  'orchestrator',
  'rag',
  'safety',
  'llm-router',
  'gpu-fleet-controller',
] as const;

/** Values of a file of the chart, over its defaults. */
export function valuesFile(name: string): Values {
  return parse(readFileSync(path.join(chart, name), 'utf8')) as Values;
}

/** The least that has to be said. */
export const minimal: Values = {
  secrets: { database: { existingSecret: 'database' }, redis: { existingSecret: 'redis' } },
  nats: { url: 'nats://nats.nats:4222' },
};

/** Everything optional on. */
export const everything: Values = {
  ...minimal,
  config: { tiers: { dev: { requests_per_minute: 10, tokens_per_minute: 10 } } },
  defaults: { autoscaling: { enabled: true } },
  gateway: { tls: { secret: 'tls' }, trustedProxies: ['10.0.0.0/8'] },
  secrets: {
    ...(minimal['secrets'] as object),
    nats: { existingSecret: 'nats' },
    keyPepper: { existingSecret: 'keys' },
    signingSecret: { existingSecret: 'keys' },
    regionSecret: { existingSecret: 'keys' },
    env: [{ name: 'OPENROUTER_API_KEY', secret: 'providers', key: 'openrouter' }],
  },
  devKey: { create: true },
  otlp: { endpoint: 'http://collector:4318' },
  models: { llama: { source: { hub: { repo: 'a/b' } }, profiles: [{ name: 'gpu' }] } },
  fleet: { engineImage: 'vllm/vllm-openai:latest', engineValues: { imagePullSecrets: [{ name: 'registry' }] } },
  ingress: { enabled: true, hosts: ['llm.example.com'], tls: [{ secretName: 'llm' }] },
  httpRoute: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['llm.example.com'] },
  monitoring: { podMonitor: { enabled: true }, rules: { enabled: true }, dashboards: { enabled: true } },
};

/** The values that the chart is checked with, by name. */
export const renderings = (): [string, Values][] => [
  ['the least', minimal],
  ['everything', everything],
  ['values-dev.yaml', valuesFile('values-dev.yaml')],
  ['values-production.example.yaml', valuesFile('values-production.example.yaml')],
];

const rendered = new Map<string, Promise<HelmObject[]>>();

/** Once for the same values: helm takes its time. `anew`: what is made at random is made again. */
export function render(values: Values, { anew = false } = {}): Promise<HelmObject[]> {
  const key = JSON.stringify(values);
  const known = anew ? undefined : rendered.get(key);
  if (known) return known;
  const made = createHelm().template({ release: 'flotilla', namespace: 'platform', chart, values });
  rendered.set(key, made);
  return made;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  securityContext: Record<string, unknown>;
  resources: { requests?: Record<string, string>; limits?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string; subPath?: string }[];
}

export interface PodSpec {
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext: Record<string, unknown>;
  initContainers?: Container[];
  containers: Container[];
  volumes?: Record<string, unknown>[];
  [field: string]: unknown;
}

interface Pod {
  kind: string;
  name: string;
  labels: Record<string, string>;
  spec: PodSpec;
}

/** Every pod that the objects make, whatever makes it. */
export function podsOf(objects: readonly HelmObject[]): Pod[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    if (kind === 'Pod') return [{ kind, name: metadata.name, labels: metadata.labels ?? {}, spec: spec as PodSpec }];
    const template = (spec as { template?: { metadata: { labels: Record<string, string> }; spec: PodSpec } })?.template;
    return template?.spec?.containers
      ? [{ kind, name: metadata.name, labels: template.metadata.labels, spec: template.spec }]
      : [];
  });
}

export const ofKind = (objects: readonly HelmObject[], kind: string): HelmObject[] =>
  objects.filter((object) => object.kind === kind);
