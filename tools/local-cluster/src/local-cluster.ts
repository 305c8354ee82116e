import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accessByToken, connectKubeApi, type KubeApi, type Resource } from '@flotilla/kubernetes';
import { startControlPlane, type ControlPlane } from './control-plane/control-plane.ts';
import { claimAddressSpace } from './network/address-space.ts';
import { startNetwork, type Network } from './network/network.ts';
import { defaultPools, type NodePool } from './nodes/node-pool.ts';
import { startNodes } from './nodes/nodes.ts';

export interface LocalClusterOptions {
  /** What becomes of pods that the scheduler placed: processes of this machine, an API status alone, or nothing. */
  pods?: 'processes' | 'fake' | 'untouched';
  /** Absent: two zones with GPUs, see `defaultPools`. */
  nodes?: readonly NodePool[];
  /** Where everything lies; made anew and removed with `stop`. Absent: a temporary folder. */
  stateDir?: string;
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
  readonly stateDir: string;
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
  const { progress = () => undefined, pods = 'processes', nodes: pools = defaultPools } = options;
  const cleanups: (() => Promise<unknown> | void)[] = [];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    const stateDir = emptyFolder(options.stateDir);
    cleanups.push(() => rmSync(stateDir, { recursive: true, force: true, maxRetries: 3 }));
    const addresses = await claimAddressSpace();
    cleanups.push(() => addresses.release());

    progress('starting etcd, the API server, the controllers and the scheduler');
    const controlPlane = await startControlPlane({ stateDir, serviceNetwork: addresses.services });
    cleanups.push(() => controlPlane.stop());
    const api = await connect(controlPlane, 'admin', options.resources);
    cleanups.push(() => api.close());

    progress(`making ${pools.reduce((sum, { count }) => sum + count, 0)} nodes`);
    const kubeconfig = controlPlane.kubeconfig('kwok');
    const nodes = await startNodes({
      ...{ api, kubeconfig, stateDir, pools },
      ...{ fakePods: pods === 'fake', podNetwork: addresses.pods },
    });
    cleanups.push(() => nodes.stop());

    const network: Network = await startNetwork({
      api,
      apiServer: { address: '127.0.0.1', port: controlPlane.apiPort },
      ingressPort: options.ingressPort,
      onProblem: progress,
    });
    cleanups.push(() => network.stop());
    return {
      kubeconfig: controlPlane.kubeconfig('admin'),
      apiUrl: controlPlane.apiUrl,
      api,
      ingressUrl: network.ingressUrl,
      dnsPort: network.dnsPort,
      stateDir,
      restartApiServer: () => controlPlane.restartApiServer(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function emptyFolder(wanted: string | undefined): string {
  if (wanted === undefined) return mkdtempSync(path.join(tmpdir(), 'flotilla-cluster-'));
  rmSync(wanted, { recursive: true, force: true });
  mkdirSync(wanted, { recursive: true, mode: 0o700 });
  return wanted;
}

function connect(
  controlPlane: ControlPlane,
  identity: 'admin' | 'agent',
  resources?: readonly Resource[],
): Promise<KubeApi> {
  const { apiUrl, caFile } = controlPlane;
  const access = accessByToken({
    server: apiUrl,
    token: controlPlane.token(identity),
    ca: readFileSync(caFile, 'utf8'),
  });
  return connectKubeApi({ access, resources });
}
