import { ordinalOf } from '../models/names.ts';
import type { Replica } from '../models/world.ts';

export interface Removal {
  /** What its spec asks for now. */
  readonly current: number;
  /** What is wanted of it. */
  readonly wanted: number;
  readonly replicas: readonly Replica[];
  /** Pods that nothing runs on any more. */
  readonly drained: ReadonlySet<string>;
  /** Of these, those that the cluster knows to take first. */
  readonly marked: ReadonlySet<string>;
  /** Replicas of several hosts: the one that came last goes first, whatever is said. */
  readonly byOrdinal: boolean;
}

/** Pods of which no request has to be feared for. */
const idleStates = new Set<Replica['state']>(['pending', 'starting', 'failing']);

/** How many of its replicas are too many, and so have to be drained. */
export function excessOf({ wanted, replicas }: Pick<Removal, 'wanted' | 'replicas'>): number {
  return Math.max(0, present(replicas).length - wanted);
}

/**
 * What a workload's replicas may be set to now without that a pod goes on which requests may run: as many less as are
 * drained, and only where the cluster would take these or others that serve nothing.
 */
export function replicasNow(removal: Removal): number {
  const { current, wanted, drained } = removal;
  if (wanted >= current) return wanted;
  const there = present(removal.replicas);
  const ordered = [...there].sort(removal.byOrdinal ? laterFirst : removedFirst(removal.marked));
  let gone = 0;
  const may = ({ pod, state }: Replica) =>
    idleStates.has(state) || (drained.has(pod) && (removal.byOrdinal || removal.marked.has(pod)));
  while (there.length - gone > wanted && may(ordered[gone]!)) gone += 1;
  return Math.min(current, Math.max(wanted, there.length - gone));
}

function present(replicas: readonly Replica[]): Replica[] {
  return replicas.filter(({ state }) => state !== 'ending');
}

/** A ReplicaSet's order: without a node, not ready, marked, the youngest. */
function removedFirst(marked: ReadonlySet<string>) {
  const rank = ({ pod, node, state }: Replica) => [
    node === '' ? 0 : 1,
    state === 'pending' ? 0 : 1,
    state === 'ready' || state === 'draining' || state === 'asleep' ? 1 : 0,
    marked.has(pod) ? 0 : 1,
  ];
  return (a: Replica, b: Replica): number => {
    const ranks = rank(b);
    const difference = rank(a)
      .map((one, index) => one - ranks[index]!)
      .find((part) => part !== 0);
    return difference ?? (b.readyAt ?? b.createdAt) - (a.readyAt ?? a.createdAt);
  };
}

/** By the number at the end of the name. */
function laterFirst(a: Replica, b: Replica): number {
  return ordinalOf(b.pod) - ordinalOf(a.pod);
}
