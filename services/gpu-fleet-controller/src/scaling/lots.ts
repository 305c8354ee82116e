import type { ModelSpec } from '../models/model-spec.ts';
import type { Learned } from './learned.ts';

/** A profile as something to have replicas of. */
export interface Lot {
  readonly profile: string;
  /** What a replica can do, against one of the first profile. */
  readonly weight: number;
  /** Output tokens a second at its target, as the spec says or as measured; undefined: not known. */
  readonly tokensPerSecond: number | undefined;
  readonly costPerHour: number;
  readonly max: number;
  /** More can be ordered now. */
  readonly open: boolean;
}

/** By the spec's own figures, else by what was measured at work; what neither tells counts as one of the first. */
export function lotsOf({ profiles }: ModelSpec, learned: Learned, closed: ReadonlySet<string>): Lot[] {
  const first = profiles[0]!;
  const weight = (profile: (typeof profiles)[number]) => {
    if (profile.tokensPerSecond && first.tokensPerSecond) return profile.tokensPerSecond / first.tokensPerSecond;
    const [own, reference] = [profile, first].map(
      ({ name, tokensPerSecond }) => tokensPerSecond ?? learned.provenCapacity(name),
    );
    // In quarters: measured figures never stand still.
    return own && reference ? Math.max(0.25, Math.round((4 * own) / reference) / 4) : 1;
  };
  return profiles.map((profile) => ({
    profile: profile.name,
    weight: profile === first ? 1 : weight(profile),
    tokensPerSecond: profile.tokensPerSecond ?? learned.capacity(profile.name),
    costPerHour: profile.costPerHour,
    max: profile.maxReplicas ?? Infinity,
    open: !closed.has(profile.name),
  }));
}

/** Output tokens a second of a replica of the first profile; undefined: nothing is known of any. */
export function unitTokens(lots: readonly Lot[]): number | undefined {
  const known = lots.find(({ tokensPerSecond }) => tokensPerSecond);
  return known && known.tokensPerSecond! / known.weight;
}

export type Counts = ReadonlyMap<string, number>;

export const totalOf = (counts: Counts): number => [...counts.values()].reduce((total, count) => total + count, 0);

/** What the replicas can do, in replicas of the first profile. */
export function unitsOf(counts: Counts, lots: readonly Lot[]): number {
  return lots.reduce((units, { profile, weight }) => units + weight * (counts.get(profile) ?? 0), 0);
}

export const costPerUnit = ({ costPerHour, weight }: Lot): number => costPerHour / weight;
