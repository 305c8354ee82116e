import {
  deployments,
  known,
  leaderWorkerSets,
  type KubeObject,
  type Resource,
  type Workload,
} from '@flotilla/kubernetes';

/** Kinds that have pods. */
const workloadKinds: readonly Resource<Workload>[] = [deployments, leaderWorkerSets];
/** Kinds that a Model's workloads share. What a chart renders of another kind is refused. */
const sharedNames = [
  'Service',
  'ServiceAccount',
  'PersistentVolumeClaim',
  'ConfigMap',
  'Job',
  'PodDisruptionBudget',
  'NetworkPolicy',
];
export const sharedKinds = known.filter(({ kind }) => sharedNames.includes(kind));

/** How an object of a kind that the fleet applies is addressed; undefined: it applies none. */
export function appliedResource({ apiVersion, kind }: { apiVersion: string; kind: string }): Resource | undefined {
  return [...workloadKinds, ...sharedKinds].find((one) => one.kind === kind && one.apiVersion === apiVersion);
}

export const isWorkload = ({ kind }: KubeObject): boolean => workloadKinds.some((one) => one.kind === kind);

export const partKey = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;
