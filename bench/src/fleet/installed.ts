import path from 'node:path';
import { createHelm } from '@flotilla/helm';
import { secrets, type KubeObject, type Resource } from '@flotilla/kubernetes';
import { startLocalCluster, type LocalCluster } from '@flotilla/local-cluster';
import { requireTool, until } from '@flotilla/testkit';

export const namespace = 'flotilla';

export const models: Resource<KubeObject & { status?: { readyReplicas?: number; phase?: string } }> = {
  ...{ apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', plural: 'models', namespaced: true },
};

/** The platform as charts/flotilla installs it on a local cluster, small. */
export interface Installed {
  readonly cluster: LocalCluster;
  readonly url: string;
  readonly key: string;
  apply(name: string, spec: object): Promise<void>;
  /** Resolves when the Model's status has these fields. */
  reached(name: string, status: { readyReplicas?: number; phase?: string }, timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function installPlatform(): Promise<Installed> {
  const cluster = await startLocalCluster({ resources: [models] });
  try {
    const { api } = cluster;
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const helm = createHelm({ binary: requireTool('helm'), kubeconfig: cluster.kubeconfig });
    const chart = path.resolve(import.meta.dirname, '../../../charts/flotilla');
    const bundled = { bundled: true, persistence: { enabled: false } };
    await helm.install(
      {
        ...{ release: 'flotilla', namespace, chart },
        values: {
          defaults: { replicas: 1, resources: { requests: { cpu: '20m', memory: '128Mi' } }, pdb: { enabled: false } },
          ...{ devKey: { create: true }, ingress: { enabled: true } },
          ...{ redis: bundled, nats: bundled, postgres: bundled },
        },
      },
      { wait: true, timeoutMs: 300_000 },
    );
    const secret = await api.get(secrets, { namespace, name: 'flotilla-generated' });
    const key = Buffer.from(secret?.data?.['dev-key'] ?? '', 'base64').toString('utf8');
    return {
      ...{ cluster, url: cluster.ingressUrl, key },
      async apply(name, spec) {
        const metadata = { name, namespace };
        await api.apply({ apiVersion: models.apiVersion, kind: models.kind, metadata, spec } as KubeObject, {
          ...{ manager: 'bench', force: true },
        });
      },
      async reached(name, status, timeoutMs = 120_000) {
        const holds = async () => {
          const now = (await api.get(models, { namespace, name }))?.status ?? {};
          return Object.entries(status).every(([field, value]) => (now[field as keyof typeof now] ?? 0) === value);
        };
        await until(holds, { timeoutMs, everyMs: 100, what: `${name} to be ${JSON.stringify(status)}` });
      },
      stop: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

export function engineEnv(settings: Readonly<Record<string, string | number>>): object[] {
  return Object.entries(settings).map(([name, value]) => ({ name: `ENGINE_SIM_${name}`, value: `${value}` }));
}
