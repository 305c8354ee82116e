import type { Replica, World } from '../models/world.ts';
import type { Breaker, Trip } from './rollout-plan.ts';
import { tripped } from './rollout.metrics.ts';

export interface BreakerOptions {
  /** How long nothing may find a node until it is said. */
  readonly placementPatienceSeconds?: number;
}

/** A container that was restarted so often without ever serving does not come up by itself. */
const restartsOfALoop = 3;
/** Milliseconds until one replica is tried again; doubled with each time that it was for nothing. */
const retry = { first: 60_000, most: 1_800_000 };

interface Memory {
  trip: Trip;
  since: number;
  retryAt: number;
  wait: number;
}

/** Looks for what more replicas would not mend. */
export function createBreaker({ placementPatienceSeconds = 300 }: BreakerOptions = {}): Breaker {
  return new ReplicaBreaker(placementPatienceSeconds * 1_000);
}

class ReplicaBreaker implements Breaker {
  /** By version and kind; bounded by the versions that have replicas or are wanted. */
  readonly #memories = new Map<string, Memory>();
  readonly #patienceMs: number;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  look(world: World): readonly Trip[] {
    const seen = this.#causes(world);
    for (const [key, trip] of seen) this.#remember(key, trip, world.now);
    const versions = new Set([
      world.wanted,
      world.model.status?.revision,
      ...world.groups.map(({ revision }) => revision),
    ]);
    for (const [key, memory] of this.#memories) {
      const about = memory.trip.revision;
      const ended = !seen.has(key) && (heals(memory.trip, world) || (about !== undefined && !versions.has(about)));
      if (ended) this.#memories.delete(key);
    }
    return [...this.#memories.values()].map(({ trip, retryAt }) =>
      world.now >= retryAt ? { ...trip, halfOpen: true } : trip,
    );
  }

  #remember(key: string, trip: Trip, now: number): void {
    const before = this.#memories.get(key);
    if (!before) {
      tripped.add(1, { kind: trip.kind });
      this.#memories.set(key, { trip, since: now, retryAt: now + retry.first, wait: retry.first });
      return;
    }
    before.trip = trip;
    // Set back, the clock must not keep it shut for longer.
    before.retryAt = Math.min(before.retryAt, now + before.wait);
    if (now < before.retryAt + before.wait) return;
    before.wait = Math.min(2 * before.wait, retry.most);
    before.retryAt = now + before.wait;
  }

  #causes(world: World): Map<string, Trip> {
    const causes = new Map<string, Trip>();
    const there = world.replicas.filter(({ state }) => state !== 'ending' && state !== 'draining');
    for (const revision of new Set(there.map((replica) => replica.revision))) {
      const replicas = there.filter((replica) => replica.revision === revision);
      const trip = imageError(revision, replicas) ?? crashLoop(revision, replicas);
      if (trip) causes.set(`${trip.kind} ${revision}`, trip);
    }
    const fault = nodeFault(world, there) ?? this.#unschedulable(world, there);
    if (fault) causes.set(fault.kind, fault);
    return causes;
  }

  /** Only where nothing serves: else what there is goes on, and scaling says what it wants. */
  #unschedulable({ now }: World, there: readonly Replica[]): Trip | undefined {
    const stuck = there.filter(({ state, createdAt }) => state === 'pending' && now - createdAt > this.#patienceMs);
    if (stuck.length === 0 || stuck.length < there.length) return undefined;
    return { kind: 'Unschedulable', message: `no node for ${stuck[0]!.pod}: ${stuck[0]!.reason}` };
  }
}

/** A cause that is out of sight is not gone where nothing is left to see it on: then time has to pass. */
function heals({ kind, revision }: Trip, { replicas }: World): boolean {
  if (kind === 'NodeFault' || kind === 'Unschedulable') return true;
  return replicas.some(
    (replica) => replica.revision === revision && (replica.state === 'ready' || replica.state === 'asleep'),
  );
}

function imageError(revision: string, replicas: readonly Replica[]): Trip | undefined {
  const bad = replicas.find(
    ({ state, reason }) => state === 'failing' && /ImagePull|InvalidImage|ErrImage|ImageInspect/.test(reason),
  );
  return bad && { kind: 'ImageError', revision, message: `${bad.pod} cannot have its image: ${bad.reason}` };
}

function crashLoop(revision: string, replicas: readonly Replica[]): Trip | undefined {
  const looping = replicas.filter(
    ({ restarts, readyAt, state }) => restarts >= restartsOfALoop && (readyAt === undefined || state === 'failing'),
  );
  const first = looping[0];
  const neverServed = replicas.every(({ readyAt }) => readyAt === undefined);
  if (!first || !(2 * looping.length >= replicas.length || neverServed)) return undefined;
  const said = first.reason && `: ${first.reason}`;
  return { kind: 'CrashLoop', revision, message: `${first.pod} was restarted ${first.restarts} times${said}` };
}

function nodeFault({ badNodes }: World, there: readonly Replica[]): Trip | undefined {
  const faulty = there.filter(({ node }) => badNodes.some((bad) => bad.node === node));
  if (faulty.length < 2 || 2 * faulty.length < there.length) return undefined;
  const { node, reason } = badNodes.find((bad) => bad.node === faulty[0]!.node)!;
  return {
    kind: 'NodeFault',
    message: `${faulty.length} of ${there.length} replicas are on bad nodes: ${node}: ${reason}`,
  };
}
