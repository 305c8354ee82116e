import type { Clock } from '@flotilla/kernel';
import { ordinalOf } from '../models/names.ts';
import type { GroupName, ReplicaState } from '../models/world.ts';
import type { PodEngine } from './pod-engine.ts';
import type { RemovalOrder } from './replicas.ts';
import { drainSeconds } from './replicas.metrics.ts';

/** Which go first, where the cluster can be told: those that serve nobody, then those that sleep, and of those that serve the emptiest. */
const order: Readonly<Record<ReplicaState, number>> = {
  ending: 0,
  failing: 1,
  pending: 2,
  starting: 3,
  lost: 4,
  asleep: 5,
  draining: 6,
  ready: 6,
};

export interface DrainParts {
  readonly clock: Clock;
  readonly graceMs: number;
  drainMs(): number;
  isBadNode(node: string): boolean;
}

/** Takes replicas out of use that are too many, and tells when nothing runs on them any more. */
export class Drains {
  constructor(private readonly parts: DrainParts) {}

  /** See Replicas.drained. Those that the cluster deletes already count no more. */
  drained(
    engines: readonly PodEngine[],
    { revision, profile }: GroupName,
    count: number,
    order: RemovalOrder,
  ): readonly string[] {
    const group = engines.filter(
      ({ state, facts }) => state !== 'ending' && facts.revision === revision && facts.profile === profile,
    );
    const retired = group.filter((engine) => engine.retired?.for === 'drain');
    if (order === 'last') this.takeLast(group, count);
    else this.adjust(group, retired, count, engines);
    const done = group.filter((engine) => this.isDone(engine));
    return done.map((engine) => this.give(engine));
  }

  /** Whether it may go: it is quiet, or its time is over. */
  isDone(engine: PodEngine): boolean {
    const { clock, graceMs, drainMs } = this.parts;
    const { retired } = engine;
    if (retired?.for !== 'drain') return false;
    return engine.quiet(graceMs) || clock.monotonic() - retired.at >= drainMs();
  }

  /** Takes one back that still runs. */
  recall(engine: PodEngine): void {
    if (engine.retired?.for === 'drain' && !engine.retired.given) this.record(engine, 'recalled');
    engine.recall();
  }

  /** The cluster takes those with the highest numbers: no other is of use to drain. */
  private takeLast(group: readonly PodEngine[], count: number): void {
    const now = this.parts.clock.monotonic();
    const lastFirst = [...group].sort((a, b) => ordinalOf(b.facts.name) - ordinalOf(a.facts.name));
    for (const [at, engine] of lastFirst.entries()) {
      const isDraining = engine.retired?.for === 'drain';
      if (at >= count && isDraining) this.recall(engine);
      else if (at < count && !isDraining && engine.keepUntil <= now) engine.retire('drain');
    }
  }

  private adjust(
    group: readonly PodEngine[],
    retired: PodEngine[],
    count: number,
    engines: readonly PodEngine[],
  ): void {
    if (retired.length > count) {
      // Those with most to do come back: they are the furthest from being done.
      const back = [...retired].sort((a, b) => b.requests - a.requests).slice(0, retired.length - count);
      for (const engine of back) {
        this.recall(engine);
        retired.splice(retired.indexOf(engine), 1);
      }
      return;
    }
    const now = this.parts.clock.monotonic();
    const left = group.filter((engine) => engine.retired?.for !== 'drain' && engine.keepUntil <= now);
    const chosen = this.emptiestFirst(left, engines).slice(0, count - retired.length);
    for (const engine of chosen) {
      engine.retire('drain');
      retired.push(engine);
    }
  }

  private emptiestFirst(some: readonly PodEngine[], all: readonly PodEngine[]): PodEngine[] {
    const { isBadNode } = this.parts;
    const copies = new Map<string, number>();
    for (const name of all.flatMap((engine) => (engine.state === 'ready' ? engine.adapters : [])))
      copies.set(name, (copies.get(name) ?? 0) + 1);
    const ranked = some.map((engine) => ({
      engine,
      rank: [
        order[engine.state],
        isBadNode(engine.facts.node) ? 0 : 1,
        engine.requests,
        // Adapters that no other has.
        engine.adapters.filter((name) => copies.get(name) === 1).length,
        -engine.facts.createdAt,
      ],
    }));
    return ranked.sort((a, b) => compare(a.rank, b.rank)).map(({ engine }) => engine);
  }

  private give(engine: PodEngine): string {
    if (!engine.retired!.given) {
      this.record(engine, engine.quiet(this.parts.graceMs) ? 'quiet' : 'late');
      engine.retired!.given = true;
    }
    return engine.facts.name;
  }

  private record(engine: PodEngine, outcome: 'quiet' | 'late' | 'recalled'): void {
    drainSeconds.record((this.parts.clock.monotonic() - engine.retired!.at) / 1_000, { outcome });
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
