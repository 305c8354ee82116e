import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { KubeApi } from '@flotilla/kubernetes';
import { nodes, type Node } from '@flotilla/kubernetes';
import { requireTool, startChild, until } from '@flotilla/testkit';
import { nodesOf, type NodePool } from './node-pool.ts';
import { kwokConfig } from './stages.ts';

export interface NodesOptions {
  api: KubeApi;
  /** The kubeconfig that KWOK uses. */
  kubeconfig: string;
  stateDir: string;
  pools: readonly NodePool[];
  /** Where the API server asks for logs. */
  kubeletPort: number;
  /** KWOK says of every pod that it runs, and nothing runs. Without it nobody but an agent touches pods. */
  fakePods: boolean;
  /** Where fake pods get their addresses from. */
  podNetwork: string;
}

export interface Nodes {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Milliseconds until all nodes must be ready. */
const readyTimeoutMs = 60_000;

/** Makes the nodes and has KWOK keep them alive. Resolves when all are ready and take pods. */
export async function startNodes(options: NodesOptions): Promise<Nodes> {
  const { api, kubeconfig, stateDir, pools, kubeletPort, podNetwork } = options;
  const config = path.join(stateDir, 'kwok.yaml');
  writeFileSync(config, kwokConfig(options));
  const kwok = await startChild({
    command: requireTool('kwok'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--config=${config}`,
      '--manage-all-nodes',
      '--node-ip=127.0.0.1',
      '--node-lease-duration-seconds=40',
      `--cidr=${podNetwork}`,
      '--v=WARN',
    ],
    logFile: path.join(stateDir, 'kwok.log'),
  });
  const stop = () => kwok.kill();
  try {
    const wanted = pools.flatMap((pool) => nodesOf(pool, kubeletPort));
    await Promise.all(wanted.map((node) => api.create(node)));
    await until(async () => (await api.list(nodes)).items.filter(takesPods).length >= wanted.length, {
      timeoutMs: readyTimeoutMs,
      everyMs: 100,
      what: `${wanted.length} nodes to be ready`,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: kwok.pid, stop };
}

/** New nodes have a taint until the node controller has seen that they are ready. */
function takesPods({ spec, status }: Node): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return ready === true && !spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready');
}
