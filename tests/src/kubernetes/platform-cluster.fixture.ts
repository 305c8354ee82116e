import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLocalCluster, writeCommands, type LocalCluster, type LocalClusterOptions } from '@flotilla/local-cluster';
import { Shell } from './shell.fixture.ts';

export const clusterTools = [
  'etcd',
  'control-plane',
  'kwok',
  'helm',
  'postgres',
  'nats-server',
  'redis-server',
] as const;

/** A local cluster, and a terminal at it as `make cluster` says to open one. */
export interface PlatformCluster {
  readonly cluster: LocalCluster;
  readonly shell: Shell;
  /** What kubectl writes. */
  kubectl(words: string, timeoutMs?: number): Promise<string>;
  stop(): Promise<void>;
}

export async function startPlatformCluster(options?: LocalClusterOptions): Promise<PlatformCluster> {
  const commands = mkdtempSync(path.join(tmpdir(), 'flotilla-bin-'));
  writeCommands(commands);
  const cluster = await startLocalCluster(options);
  const shell = new Shell(path.resolve(import.meta.dirname, '../../..'), {
    KUBECONFIG: cluster.kubeconfig,
    FLOTILLA_INGRESS: cluster.ingressUrl,
    PATH: `${commands}:${process.env.PATH}`,
  });
  return {
    cluster,
    shell,
    kubectl: (words, timeoutMs) => shell.must(`kubectl ${words}`, timeoutMs),
    async stop() {
      shell.close();
      rmSync(commands, { recursive: true, force: true });
      await cluster.stop();
    },
  };
}
