import { readFileSync } from 'node:fs';
import path from 'node:path';
import { models } from '@flotilla/gpu-fleet-controller';
import { createHelm, type Values } from '@flotilla/helm';
import { secrets, type KubeObject } from '@flotilla/kubernetes';
import { startLocalCluster, type LocalCluster } from '@flotilla/local-cluster';
import { requireTool, until } from '@flotilla/testkit';
import { parse } from 'yaml';

export const namespace = 'flotilla';

const chart = path.resolve(import.meta.dirname, '../../../charts/flotilla');

/** The platform as charts/flotilla installs it for trying out, on a local cluster. */
export interface Installed {
  readonly cluster: LocalCluster;
  readonly url: string;
  readonly key: string;
  apply(name: string, spec: object): Promise<void>;
  /** Resolves when the release runs with these values over its own. */
  upgrade(changed: Values, timeoutMs?: number): Promise<void>;
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
    const release = { release: 'flotilla', namespace, chart };
    const values = parse(readFileSync(path.join(chart, 'values-dev.yaml'), 'utf8')) as Values;
    await helm.install({ ...release, values }, { wait: true, timeoutMs: 300_000 });
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
      async upgrade(changed, timeoutMs = 300_000) {
        await helm.upgrade({ ...release, values: { ...values, ...changed } }, { wait: true, timeoutMs });
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
