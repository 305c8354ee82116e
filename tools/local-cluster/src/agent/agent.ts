import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { systemClock, type Clock } from '@flotilla/kernel';
import { configMaps, createEventRecorder, follow, pods, secrets, type KubeApi, type Pod } from '@flotilla/kubernetes';
import { Addresses } from './addresses.ts';
import { provideClaims } from './claims.ts';
import { defaultBackOff, type BackOffSettings } from './containers/back-off.ts';
import type { IssueToken } from './identity/tokens.ts';
import { createTokenIssuer } from './identity/tokens.https.ts';
import type { Images } from './images/image.ts';
import { localImages } from './images/images.ts';
import { PodWorker } from './pods/pod-worker.ts';
import { sourceOfConfigMap, sourceOfSecret, Sources } from './volumes/sources.ts';

export interface AgentOptions {
  /** Knows `agentResources`; as who may read and write pods, claims, volumes and events, and read ConfigMaps, Secrets and service accounts. */
  api: KubeApi;
  /** The API server as pods reach it, its authority (PEM), and the token by which tokens of service accounts are asked for. */
  cluster: { url: string; ca: string; token: string };
  /** A folder of the agent's own: pods, claims, logs. */
  stateDir: string;
  /** A /16 of this machine's loopback that pods get their addresses from, as a cluster claims it. Absent: `127.1.0.0/16`. */
  podNetwork?: string;
  /** Absent: those of the charts. */
  images?: Images;
  /** Given to every container of a pod beside what its spec says; NODE_OPTIONS is joined with the pod's own. */
  environment?: (pod: Pod) => Readonly<Record<string, string>>;
  clock?: Clock;
  /** Of containers that crash. Absent: kubelet's. */
  backOff?: BackOffSettings;
  /** Startup and readiness are probed at least this often, milliseconds. Absent: as probes say. */
  probeEveryMs?: number;
  /** Absent: TokenRequest of the API server. */
  issueToken?: IssueToken;
}

export interface Agent {
  /** Where a container's log lies; `.1` is what came before. */
  logFile(namespace: string, pod: string, container: string): string;
  /** Ends every process. The pods stay as they are in the API. */
  stop(): Promise<void>;
}

/** Logs of so many pods that are gone are kept. */
const mostGoneLogs = 200;

/** Phases after which nothing of a pod runs. */
const over = ['Succeeded', 'Failed'];

/** Makes every pod that is bound to a node run, as processes of this machine. Resolves when it has seen all that there are. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { api, cluster, stateDir, podNetwork = '127.1.0.0/16', clock = systemClock } = options;
  const { environment = () => ({}) } = options;
  const inState = (name: string) => {
    const folder = path.join(stateDir, name);
    mkdirSync(folder, { recursive: true });
    // Servers that do not run as root run as a user of their own; what they need is named to them.
    for (const each of [stateDir, folder]) chmodSync(each, 0o711);
    return folder;
  };
  const folders = { pods: inState('pods'), claims: inState('claims'), logs: inState('logs') };
  const heldConfigMaps = follow(api, configMaps, {}, { keep: sourceOfConfigMap });
  // Helm keeps its releases in Secrets, each as big as the chart.
  const heldSecrets = follow(api, secrets, { fieldSelector: 'type!=helm.sh/release.v1' }, { keep: sourceOfSecret });
  const claims = provideClaims(api, folders.claims);
  const { hostname, port } = new URL(cluster.url);
  const world = {
    ...{ api, clock, cluster, folders },
    events: createEventRecorder({ api, component: 'kubelet', clock }),
    images: options.images ?? localImages(),
    sources: new Sources(heldConfigMaps, heldSecrets),
    issueToken: options.issueToken ?? createTokenIssuer(cluster),
    backOff: options.backOff ?? defaultBackOff,
    probeEveryMs: options.probeEveryMs,
    environment: (pod: Pod) => ({
      ...{ KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, KUBERNETES_SERVICE_PORT_HTTPS: port },
      ...environment(pod),
    }),
  };
  await Promise.all([heldConfigMaps.synced, heldSecrets.synced]);

  const addresses = new Addresses(podNetwork);
  const workers = new Map<string, PodWorker>();
  const leaving = new Set<Promise<void>>();
  const gone: string[] = [];

  const begin = (key: string, pod: Pod) => {
    if (over.includes(pod.status?.phase ?? '')) return;
    const worker = new PodWorker(pod, addresses.take(pod.status?.podIP), world);
    workers.set(key, worker);
    worker.start();
    worker.update(pod);
  };
  const leave = (key: string, worker: PodWorker) => {
    workers.delete(key);
    worker.kill();
    const left = worker.ended().then(() => {
      addresses.giveBack(worker.place.podIP);
      const oldest = gone.push(key) > mostGoneLogs ? gone.shift()! : undefined;
      if (oldest === undefined || workers.has(oldest) || gone.includes(oldest)) return;
      rmSync(path.join(folders.logs, oldest), { recursive: true, force: true });
    });
    leaving.add(left);
    void left.finally(() => leaving.delete(left));
  };
  const held = follow(api, pods, { fieldSelector: 'spec.nodeName!=' }, { keep: (pod: Pod) => pod });
  held.onChange((key, now) => {
    const worker = workers.get(key);
    if (worker && worker.uid !== now?.metadata.uid) leave(key, worker);
    if (!now) return;
    if (workers.has(key)) workers.get(key)!.update(now);
    else begin(key, now);
  });
  await held.synced;

  return {
    logFile: (namespace, pod, container) => path.join(folders.logs, namespace, pod, `${container}.log`),
    async stop() {
      await Promise.all([held, heldConfigMaps, heldSecrets, claims].map((each) => each.stop()));
      for (const [key, worker] of workers) leave(key, worker);
      await Promise.all(leaving);
      await world.events.flush();
    },
  };
}
