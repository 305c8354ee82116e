import type { KubeObject, Resource } from './object.ts';

const of =
  (apiVersion: string) =>
  <T extends KubeObject = KubeObject>(kind: string, plural: string, namespaced = true): Resource<T> => ({
    apiVersion,
    kind,
    plural,
    namespaced,
  });
const core = of('v1');
const apps = of('apps/v1');

/** A container's side of a pod's status. */
export interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: {
    waiting?: { reason?: string; message?: string };
    running?: { startedAt?: string };
    terminated?: { reason?: string; exitCode?: number; message?: string; finishedAt?: string };
  };
  lastState?: ContainerStatus['state'];
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  observedGeneration?: number;
}

export interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[]; [field: string]: unknown };
  status?: {
    phase?: string;
    podIP?: string;
    reason?: string;
    message?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
    startTime?: string;
  };
}

export interface Node extends KubeObject {
  spec?: { taints?: { key: string; value?: string; effect: string }[]; unschedulable?: boolean };
  status?: { conditions?: Condition[]; allocatable?: Record<string, string> };
}

/** What has replicas of a pod. */
export interface Workload extends KubeObject {
  spec: { replicas?: number; [field: string]: unknown };
  status?: { replicas?: number; readyReplicas?: number; observedGeneration?: number; conditions?: Condition[] };
}

export interface Lease extends KubeObject {
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export interface CoreEvent extends KubeObject {
  involvedObject: { apiVersion: string; kind: string; name: string; namespace?: string; uid?: string };
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  source?: { component: string };
}

export const pods = core<Pod>('Pod', 'pods');
export const nodes = core<Node>('Node', 'nodes', false);
export const services = core('Service', 'services');
export const configMaps = core<KubeObject & { data?: Record<string, string> }>('ConfigMap', 'configmaps');
export const secrets = core<KubeObject & { data?: Record<string, string> }>('Secret', 'secrets');
export const namespaces = core('Namespace', 'namespaces', false);
export const coreEvents = core<CoreEvent>('Event', 'events');
export const deployments = apps<Workload>('Deployment', 'deployments');
export const leases = of('coordination.k8s.io/v1')<Lease>('Lease', 'leases');
export const leaderWorkerSets = of('leaderworkerset.x-k8s.io/v1')<Workload>('LeaderWorkerSet', 'leaderworkersets');

/** Resources by the apiVersion and kind of an object that was rendered. Objects of other kinds are refused. */
export const known: readonly Resource[] = [
  ...[pods, nodes, services, configMaps, secrets, namespaces, coreEvents, deployments, leases, leaderWorkerSets],
  core('ServiceAccount', 'serviceaccounts'),
  core('PersistentVolumeClaim', 'persistentvolumeclaims'),
  apps('StatefulSet', 'statefulsets'),
  of('batch/v1')('Job', 'jobs'),
  of('policy/v1')('PodDisruptionBudget', 'poddisruptionbudgets'),
  of('networking.k8s.io/v1')('NetworkPolicy', 'networkpolicies'),
  of('networking.k8s.io/v1')('Ingress', 'ingresses'),
];
