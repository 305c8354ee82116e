import type { RolloutSpec } from '../models/model-spec.ts';
import type { PlannedGroup } from './rollout-plan.ts';
import { total, type Version } from './versions.ts';

type Counts = ReadonlyMap<string, number>;

export interface Step {
  readonly desired: Counts;
  readonly fresh: Version;
  /** The one that serves first. */
  readonly old: readonly Version[];
  readonly rollout: Pick<RolloutSpec, 'strategy' | 'maxSurge'>;
}

/** All of one version. */
export function only(revision: string, desired: Counts): PlannedGroup[] {
  return [...desired].map(([profile, replicas]) => ({ revision, profile, replicas }));
}

/** Takes the old versions' place with the new one, as far as may be done now. */
export function rolled({ desired, fresh, old, rollout }: Step): PlannedGroup[] {
  const wanted = total(desired);
  const oldPresent = old.reduce((sum, { present }) => sum + total(present), 0);
  const useful = total(capped(fresh.ready, desired));
  if (rollout.strategy === 'Surge') {
    const room = wanted + rollout.maxSurge - oldPresent;
    return [...grown(fresh, desired, room), ...kept(old, desired, fresh.ready, wanted - useful)];
  }
  // One at a time: its room is made first, and what is on its way is the one that may be missing.
  const next = Math.min(wanted, useful + 1);
  return [
    ...grown(fresh, desired, Math.min(next, wanted - oldPresent)),
    ...kept(old, desired, fresh.ready, wanted - next),
  ];
}

/** One of the new version for each profile beside all of the old, as far as there may be more than wanted. */
export function probed({ desired, fresh, old, rollout }: Step): PlannedGroup[] {
  const used = [...desired].filter(([, count]) => count > 0).map(([profile]) => profile);
  const wanted = total(desired);
  const surges = rollout.strategy === 'Surge';
  const oldPresent = old.reduce((sum, { present }) => sum + total(present), 0);
  const probes = used.slice(0, surges ? rollout.maxSurge : 1);
  const room = surges || oldPresent < wanted ? probes.length : 0;
  const one = new Map(probes.map((profile) => [profile, 1]));
  const [stable, ...others] = old;
  if (!stable) return grown(fresh, one, probes.length);
  const less = (profile: string) => (!surges && profile === probes[0] ? 1 : 0);
  const full = [...desired].map(([profile, count]) => ({
    revision: stable.revision,
    profile,
    replicas: count - less(profile),
  }));
  const short = wanted - total(stable.ready);
  return [...grown(fresh, one, room), ...full, ...kept(others, desired, stable.ready, short)];
}

/** As many of what is not wanted any more as `need` asks for, those first whose profile lacks others. */
export function kept(versions: readonly Version[], desired: Counts, covered: Counts, need: number): PlannedGroup[] {
  const counts = versions.flatMap(({ revision, present }) =>
    [...present].map(([profile, there]) => ({ revision, profile, there, replicas: 0 })),
  );
  let left = Math.max(0, need);
  const lack = new Map(
    [...desired].map(([profile, count]) => [profile, Math.max(0, count - (covered.get(profile) ?? 0))]),
  );
  for (const within of [true, false]) {
    for (const count of counts) {
      const most = within ? (lack.get(count.profile) ?? 0) : Infinity;
      const more = Math.min(left, most, count.there - count.replicas);
      count.replicas += more;
      left -= more;
      if (within) lack.set(count.profile, most - more);
    }
  }
  return counts
    .filter(({ replicas }) => replicas > 0)
    .map(({ revision, profile, replicas }) => ({ revision, profile, replicas }));
}

/** What there is of a version and as many more as there is room for: `most` in all. */
function grown({ revision, present }: Version, desired: Counts, most: number): PlannedGroup[] {
  const counts = new Map(capped(present, desired));
  for (const [profile, count] of desired) {
    const there = counts.get(profile) ?? 0;
    counts.set(profile, there + Math.max(0, Math.min(count - there, most - total(counts))));
  }
  return only(revision, counts);
}

function capped(counts: Counts, most: Counts): Counts {
  return new Map([...counts].map(([profile, count]) => [profile, Math.min(count, most.get(profile) ?? 0)]));
}
