import type { World } from '../models/world.ts';

/** Replicas of one version. */
export interface Version {
  readonly revision: string;
  /** By profile: that are there or ordered, and that serve or sleep. */
  readonly present: ReadonlyMap<string, number>;
  readonly ready: ReadonlyMap<string, number>;
}

export const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

export function versionOf({ groups, replicas }: World, revision: string): Version {
  const present = new Map<string, number>();
  const ready = new Map<string, number>();
  const own = replicas.filter((replica) => replica.revision === revision && replica.state !== 'ending');
  for (const { profile, state } of own) {
    present.set(profile, (present.get(profile) ?? 0) + 1);
    if (state === 'ready' || state === 'asleep') ready.set(profile, (ready.get(profile) ?? 0) + 1);
  }
  for (const group of groups) {
    if (group.revision !== revision || group.replicas === 0) continue;
    present.set(group.profile, Math.max(present.get(group.profile) ?? 0, group.replicas));
  }
  return { revision, present, ready };
}

/** All versions but one that have replicas, the one that serves first. */
export function othersThan(world: World, revision: string, stable: string): Version[] {
  const names = new Set([...world.groups, ...world.replicas].map((one) => one.revision));
  return [stable, ...[...names].filter((name) => name !== stable)]
    .filter((name) => name !== revision)
    .map((name) => versionOf(world, name))
    .filter(({ present }) => total(present) > 0);
}

/** The version that serves, as the status knows it; a status that was lost is read off what serves. */
export function stableOf(world: World): string {
  const known = world.model.status?.revision;
  if (known !== undefined) return known;
  const ready = (revision: string) => total(versionOf(world, revision).ready);
  return world.groups
    .map(({ revision }) => revision)
    .reduce((best, one) => (ready(one) > ready(best) ? one : best), world.wanted);
}
