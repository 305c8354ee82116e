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
  return {
    namespace: metadata.namespace ?? 'default',
    ...{ name: metadata.name, uid: metadata.uid ?? '', ...group },
    ...{ ip: status.podIP ?? '', port: portOf(container), node: spec.nodeName ?? '', zone: '' },
    ...{ phase: status.phase ?? 'Pending', image: container?.image ?? '' },
    ...readiness(pod),
    ...engineFacts(status.containerStatuses?.find(({ name }) => name === container?.name)),
    ...waitingFor([...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]),
    deleted: metadata.deletionTimestamp !== undefined,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
  };
}

function readiness({ status }: Pod): Pick<PodFacts, 'ready' | 'readyAt' | 'unscheduled'> {
  const condition = (wanted: string) => status?.conditions?.find(({ type }) => type === wanted);
  const ready = condition('Ready');
  const isReady = ready?.status === 'True';
  const scheduled = condition('PodScheduled');
  return {
    ready: isReady,
    ...(isReady && ready.lastTransitionTime !== undefined && { readyAt: Date.parse(ready.lastTransitionTime) }),
    ...(scheduled?.status === 'False' && { unscheduled: scheduled.message ?? scheduled.reason ?? '' }),
  };
}

function engineFacts(engine: ContainerStatus | undefined): Pick<PodFacts, 'restarts' | 'lastEnd'> {
  const ended = engine?.lastState?.terminated ?? engine?.state?.terminated;
  const { reason = '', exitCode = 0, message = '' } = ended ?? {};
  return { restarts: engine?.restartCount ?? 0, ...(ended && { lastEnd: { reason, exitCode, message } }) };
}

function waitingFor(containers: readonly ContainerStatus[]): Pick<PodFacts, 'waiting'> {
  const waiting = containers.map(({ state }) => state?.waiting).find((one) => one?.reason !== undefined);
  return waiting ? { waiting: { reason: waiting.reason!, message: waiting.message ?? '' } } : {};
}

function portOf(container: Pod['spec']['containers'][number] | undefined): number {
  const { ports } = (container ?? {}) as { ports?: { name?: string; containerPort: number }[] };
  return (ports?.find(({ name }) => name === 'http') ?? ports?.[0])?.containerPort ?? enginePort;
}
