import type { ScalingSpec } from '../models/model-spec.ts';
import type { Replica, World } from '../models/world.ts';

export interface Idleness {
  readonly seconds: number;
  readonly sleep: 0 | 1 | 2;
  /** The last replica may go. */
  readonly zero: boolean;
}

const busy: Idleness = { seconds: 0, sleep: 0, zero: false };

/** How long nothing was asked of a Model, and how deep its replicas may sleep for it. */
export class IdleLadder {
  #begunAt: number | undefined;
  #busyAt = 0;

  /** `knows`: it was watched for long enough; before, who sleeps sleeps on, and nobody else. */
  look(world: World, { idle }: ScalingSpec, { min, knows }: { min: number; knows: boolean }): Idleness {
    const { now, demand, replicas } = world;
    this.#begunAt ??= now;
    if (inUse(world)) {
      this.#busyAt = now;
      return busy;
    }
    // Who does not know of a use counts from when it began. A replica that came up for somebody who has left waits as long as
    // one that served.
    const uses = [demand.lastUsedAt || this.#begunAt, this.#busyAt, ...replicas.map(({ readyAt }) => readyAt ?? 0)];
    const seconds = (now - Math.max(...uses.map((at) => Math.min(at, now)))) / 1_000;
    const after = (limit: number) => limit > 0 && seconds >= limit;
    const due = after(idle.deepSleepSeconds) ? 2 : after(idle.sleepSeconds) ? 1 : 0;
    return { seconds, sleep: knows ? due : deepest(replicas), zero: min === 0 && after(idle.zeroSeconds) };
  }
}

function inUse({ demand, replicas }: World): boolean {
  return demand.held > 0 || demand.running > 0 || demand.arrived > 0 || replicas.some(works);
}

/** A replica that serves and tells nothing may be at work. */
function works({ state, load }: Replica): boolean {
  return load ? load.running + load.waiting > 0 : state === 'ready';
}

function deepest(replicas: readonly Replica[]): 0 | 1 | 2 {
  const level = Math.max(0, ...replicas.map(({ sleepLevel }) => sleepLevel ?? 0));
  return level >= 2 ? 2 : level === 1 ? 1 : 0;
}
