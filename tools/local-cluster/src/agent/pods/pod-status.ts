import type { Condition, Pod } from '@flotilla/kubernetes';
import type { ContainerState, ContainerView, Termination } from '../containers/container-state.ts';
import type { PodPlace } from '../containers/downward.ts';
import { specOf, type RestartPolicy } from '../pod-spec.ts';

/** What is known of a pod that this agent runs. */
export interface PodView {
  place: PodPlace;
  startTime: string;
  init: readonly ContainerView[];
  containers: readonly ContainerView[];
  /** All init containers have ended well, and the sidecars among them have started. */
  initialized: boolean;
  /** It is being deleted. */
  ending: boolean;
}

const own = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready'];

/** The status of a pod as kubelet would write it. `now`: RFC 3339. Conditions of others stay as they are. */
export function podStatus(pod: Pod, view: PodView, now: string): Record<string, unknown> {
  const { place, startTime, init, containers, initialized, ending } = view;
  const phase = phaseOf(view, specOf(pod).restartPolicy ?? 'Always');
  const unready = containers.filter(({ ready }) => !ready).map(({ spec }) => spec.name);
  const over = phase === 'Succeeded' || phase === 'Failed';
  const ready = unready.length === 0 && initialized && !ending && !over;
  const why = over
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const wanted: [type: string, holds: boolean, why: { reason?: string; message?: string }][] = [
    ['PodReadyToStartContainers', !over, {}],
    ['Initialized', initialized, { reason: 'ContainersNotInitialized' }],
    ['ContainersReady', ready, why],
    ['Ready', ready, why],
  ];
  const before = pod.status?.conditions ?? [];
  const conditions = wanted.map(([type, holds, because]) => condition(before, type, holds, because, now));
  return {
    phase,
    hostIP: place.hostIP,
    hostIPs: [{ ip: place.hostIP }],
    podIP: place.podIP,
    podIPs: [{ ip: place.podIP }],
    startTime,
    conditions: [...conditions, ...before.filter(({ type }) => !own.includes(type))],
    ...(init.length === 0 ? {} : { initContainerStatuses: init.map(containerStatus) }),
    containerStatuses: containers.map(containerStatus),
  };
}

/** The phase of a pod, by what its containers do. */
export function phaseOf({ init, containers, initialized, ending }: PodView, policy: RestartPolicy): string {
  if (!initialized) {
    const failed = init.some(({ state }) => state.kind === 'terminated' && state.code !== 0);
    return failed && (policy === 'Never' || ending) ? 'Failed' : 'Pending';
  }
  if (containers.some(({ state, last }) => state.kind === 'waiting' && last === undefined)) return 'Pending';
  const ended = containers.filter(({ state }) => state.kind === 'terminated');
  const failed = ended.some(({ state }) => state.kind === 'terminated' && state.code !== 0);
  if (ended.length < containers.length) return 'Running';
  if (ending || policy === 'Never') return failed ? 'Failed' : 'Succeeded';
  return policy === 'Always' || failed ? 'Running' : 'Succeeded';
}

function condition(
  before: readonly Condition[],
  type: string,
  holds: boolean,
  why: { reason?: string; message?: string },
  now: string,
): Condition {
  const status = holds ? 'True' : 'False';
  const last = before.find((each) => each.type === type);
  const lastTransitionTime = last?.status === status ? (last.lastTransitionTime ?? now) : now;
  return { type, status, ...(holds ? {} : why), lastTransitionTime };
}

function containerStatus({ spec, state, last, restarts, started, ready }: ContainerView) {
  return {
    name: spec.name,
    image: spec.image,
    imageID: spec.image,
    ready,
    started,
    restartCount: restarts,
    state: stateOf(state),
    ...(last && state.kind !== 'terminated' ? { lastState: { terminated: terminationOf(last) } } : { lastState: {} }),
  };
}

function stateOf(state: ContainerState) {
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, message: state.message } };
    case 'running':
      return { running: { startedAt: state.startedAt } };
    case 'terminated':
      return { terminated: terminationOf(state) };
  }
}

function terminationOf({ code, signal, reason, message, startedAt, finishedAt }: Termination) {
  return { exitCode: code, signal, reason, message, startedAt, finishedAt };
}
