import type { Replica } from '../models/world.ts';

interface Closed {
  since: number;
  until: number;
  backoff: number;
}

/** Milliseconds. */
const backoff = { first: 300_000, most: 3_600_000 };

/** Profiles whose replicas find no node: closed for a while, each time for longer. */
export class Unplaceable {
  readonly #closed = new Map<string, Closed>();
  readonly #patienceMs: number;

  /** `patienceMs`: how long a replica may look for a node; new nodes take minutes to come. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Replicas by profile that have looked for a node for too long. */
  look(replicas: readonly Replica[], now: number): ReadonlyMap<string, number> {
    const stuck = new Map<string, number>();
    for (const { profile, state, createdAt } of replicas) {
      if (state === 'pending' && now - createdAt > this.#patienceMs) stuck.set(profile, (stuck.get(profile) ?? 0) + 1);
      const closed = this.#closed.get(profile);
      if (closed && state !== 'pending' && createdAt > closed.since) this.#closed.delete(profile);
    }
    for (const profile of stuck.keys()) this.#close(profile, now);
    return stuck;
  }

  closed(now: number): ReadonlySet<string> {
    // A clock that was set back must not close a profile for longer than asked.
    const on = ([, { since, until }]: [string, Closed]) => now < until && now >= since;
    return new Set([...this.#closed].filter(on).map(([profile]) => profile));
  }

  #close(profile: string, now: number): void {
    const before = this.#closed.get(profile);
    if (before && now < before.until && now >= before.since) return;
    const next = before ? Math.min(2 * before.backoff, backoff.most) : backoff.first;
    this.#closed.set(profile, { since: now, until: now + next, backoff: next });
  }
}
