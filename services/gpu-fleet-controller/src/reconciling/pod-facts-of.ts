import type { ContainerStatus, Pod } from '@flotilla/kubernetes';
import { groupOfPart } from '../models/names.ts';
import type { PodFacts } from '../replicas/pod-facts.ts';

const engineContainer = 'engine';
const enginePort = 8_000;
/** Which pod of a LeaderWorkerSet's group it is; 0: the leader, which alone answers requests. */
const workerIndex = 'leaderworkerset.sigs.k8s.io/worker-index';

/** What is kept of a pod; undefined: it is no replica. */
export function podFactsOf(pod: Pod): PodFacts | undefined {
  const { metadata, spec, status = {} } = pod;
  const group = groupOfPart(pod);
  if (!group || (metadata.labels?.[workerIndex] ?? '0') !== '0') return undefined;
  const container = spec.containers.find(({ name }) => name === engineContainer) ?? spec.containers[0];
  const engine = status.containerStatuses?.find(({ name }) => name === container?.name);
  const ready = condition(pod, 'Ready');
  const isReady = ready?.status === 'True';
  const unscheduled = condition(pod, 'PodScheduled');
  const waiting = firstWaiting([...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]);
  const ended = engine?.lastState?.terminated ?? engine?.state?.terminated;
  return {
    namespace: metadata.namespace ?? 'default',
    ...{ name: metadata.name, uid: metadata.uid ?? '', ...group },
    ...{ ip: status.podIP ?? '', port: portOf(container), node: spec.nodeName ?? '', zone: '' },
    ...{ phase: status.phase ?? 'Pending', ready: isReady, image: container?.image ?? '' },
    ...(isReady && ready.lastTransitionTime !== undefined && { readyAt: Date.parse(ready.lastTransitionTime) }),
    ...(unscheduled?.status === 'False' && { unscheduled: unscheduled.message ?? unscheduled.reason ?? '' }),
    ...(waiting && { waiting }),
    restarts: engine?.restartCount ?? 0,
    ...(ended && {
      lastEnd: { reason: ended.reason ?? '', exitCode: ended.exitCode ?? 0, message: ended.message ?? '' },
    }),
    deleted: metadata.deletionTimestamp !== undefined,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
  };
}

function condition({ status }: Pod, wanted: string) {
  return status?.conditions?.find(({ type }) => type === wanted);
}

function firstWaiting(containers: readonly ContainerStatus[]): PodFacts['waiting'] {
  const state = containers.find((container) => container.state?.waiting?.reason !== undefined)?.state?.waiting;
  return state && { reason: state.reason ?? '', message: state.message ?? '' };
}

function portOf(container: Pod['spec']['containers'][number] | undefined): number {
  const { ports } = (container ?? {}) as { ports?: { name?: string; containerPort: number }[] };
  return (ports?.find(({ name }) => name === 'http') ?? ports?.[0])?.containerPort ?? enginePort;
}
