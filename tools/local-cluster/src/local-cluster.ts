import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accessByToken, connectKubeApi, type KubeApi, type Resource } from '@flotilla/kubernetes';
import { findTool } from '@flotilla/testkit';
import { agentResources, startAgent, type Agent, type AgentOptions } from './agent/index.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import { claimAddressSpace } from './network/address-space.ts';
import { clusterDnsEnvironment } from './network/cluster-dns-environment.ts';
import { startNetwork } from './network/network.ts';
import { defaultPools, type NodePool } from './nodes/node-pool.ts';
import { startLogServer } from './nodes/log-server.ts';
import { startNodes } from './nodes/nodes.ts';

export interface LocalClusterOptions {
  /** What becomes of pods that the scheduler placed: processes of this machine, an API status alone, or nothing. */
  pods?: 'processes' | 'fake' | 'untouched';
  /** Absent: two zones with GPUs, see `defaultPools`. */
  nodes?: readonly NodePool[];
  /** Of the agent that makes pods processes: images beside or instead of its own, how crashes and probes are paced. */
  agent?: Pick<AgentOptions, 'images' | 'backOff' | 'probeEveryMs' | 'clock'>;
  /** On 127.0.0.1. Absent: a free one. */
  ingressPort?: number;
  /** Kinds that `api` creates and applies beside those it knows. */
  resources?: readonly Resource[];
  /** Told of each step, and of what does not work, in words for a person. */
  progress?: (line: string) => void;
}

export interface LocalCluster {
  /** A kubeconfig file of who may do everything. */
  readonly kubeconfig: string;
  readonly apiUrl: string;
  /** The same identity. */
  readonly api: KubeApi;
  /** Where Ingress objects are served. */
  readonly ingressUrl: string;
  /** UDP and TCP on 127.0.0.1. */
  readonly dnsPort: number;
  /** A temporary folder with the logs of all parts and pods; gone with `stop`. */
  readonly stateDir: string;
  /** What a container writes. Undefined where pods are not processes. */
  logFile(namespace: string, pod: string, container: string): string | undefined;
  /** As after a crash of the API server: watches break and have to list anew. */
  restartApiServer(): Promise<void>;
  /** Ends everything and removes what it left on disk. Idempotent. */
  stop(): Promise<void>;
}

/**
 * A Kubernetes of this machine: the real control plane, nodes that KWOK keeps alive, Services, DNS and Ingress on loopback.
 * Several can run beside each other. Throws when a tool is missing (`make tools`), and leaves nothing behind then.
 */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  requireTools();
  const cleanups: Cleanup[] = [];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return { ...(await startParts(options, (cleanup) => cleanups.push(cleanup))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Cleanup = () => Promise<unknown> | void;

/** Each part tells `atEnd` how it ends; they end in reverse. */
async function startParts(
  options: LocalClusterOptions,
  atEnd: (cleanup: Cleanup) => void,
): Promise<Omit<LocalCluster, 'stop'>> {
  const { progress = () => undefined, pods = 'processes', nodes: pools = defaultPools } = options;
  const stateDir = temporaryFolder();
  atEnd(() => rmSync(stateDir, { recursive: true, force: true, maxRetries: 3 }));
  const addresses = await claimAddressSpace();
  atEnd(() => addresses.release());

  progress('starting etcd, the API server, the controllers and the scheduler');
  const controlPlane = await startControlPlane({ stateDir, serviceNetwork: addresses.services });
  atEnd(() => controlPlane.stop());
  const { apiUrl, apiPort, caFile, keyFile } = controlPlane;
  const ca = readFileSync(caFile, 'utf8');
  const connect = async (identity: 'admin' | 'agent', resources?: readonly Resource[]) => {
    const access = accessByToken({ server: apiUrl, token: controlPlane.token(identity), ca });
    const api = await connectKubeApi({ access, resources });
    atEnd(() => api.close());
    return api;
  };
  const api = await connect('admin', options.resources);

  let agent: Agent | undefined;
  const logFile: LocalCluster['logFile'] = (...container) => agent?.logFile(...container);
  const logs = await startLogServer({ certificate: ca, key: readFileSync(keyFile, 'utf8'), logFile });
  atEnd(() => logs.stop());

  progress(`making ${pools.reduce((sum, { count }) => sum + count, 0)} nodes`);
  const kubeconfig = controlPlane.kubeconfig('kwok');
  const podNetwork = addresses.pods;
  const fakePods = pods === 'fake';
  const nodes = await startNodes({ api, kubeconfig, stateDir, pools, kubeletPort: logs.port, fakePods, podNetwork });
  atEnd(() => nodes.stop());

  const apiServer = { address: '127.0.0.1', port: apiPort };
  const { ingressPort } = options;
  const network = await startNetwork({ api, apiServer, ingressPort, onProblem: progress });
  atEnd(() => network.stop());

  if (pods === 'processes') {
    agent = await startAgent({
      ...options.agent,
      api: await connect('agent', agentResources),
      cluster: { url: apiUrl, ca, token: controlPlane.token('agent') },
      stateDir: path.join(stateDir, 'agent'),
      podNetwork,
      environment: ({ metadata }) => clusterDnsEnvironment(network.dnsPort, metadata.namespace!),
    });
    atEnd(() => agent?.stop());
  }
  return {
    ...{ apiUrl, api, stateDir, logFile, kubeconfig: controlPlane.kubeconfig('admin') },
    ...{ ingressUrl: network.ingressUrl, dnsPort: network.dnsPort },
    restartApiServer: () => controlPlane.restartApiServer(),
  };
}

const needed = ['etcd', 'control-plane', 'kwok'] as const;

function requireTools(): void {
  const missing = needed.filter((tool) => findTool(tool) === undefined);
  if (missing.length > 0) throw new Error(`a local cluster needs ${missing.join(', ')}: run make tools`);
}

/** Others may pass through it, not look into it: PostgreSQL runs as a user of its own. Credentials lie in a closed folder. */
function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-cluster-'));
  chmodSync(folder, 0o711);
  return folder;
}
