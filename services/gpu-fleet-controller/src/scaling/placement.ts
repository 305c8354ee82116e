import { costPerUnit, totalOf, unitsOf, type Counts, type Lot } from './lots.ts';

/** What is left of a unit does not make another replica. */
const crumb = 1e-6;

/** So full those that remain may be, at most, for one to be taken away. */
const spare = 0.9;

export interface Thinning {
  readonly units: number;
  readonly fewest: number;
  readonly settled: boolean;
}

interface Order {
  readonly counts: Counts;
  readonly units: number;
  readonly cost: number;
}

/**
 * The counts with as many more as `units` take, for the least money, `most` replicas in all at most: the profile whose token is
 * cheapest, and for what remains the one that costs least and suffices.
 */
export function placed(counts: Counts, lots: readonly Lot[], units: number, most: number): Counts {
  let now = counts;
  for (;;) {
    const missing = units - unitsOf(now, lots);
    const room = most - totalOf(now);
    if (missing <= crumb || room <= 0) return now;
    const best = orders(now, lots, missing, room).toSorted(
      (a, b) => Number(b.units >= missing - crumb) - Number(a.units >= missing - crumb) || compared(a, b, missing),
    )[0];
    if (!best) return now;
    now = joined(now, best.counts);
  }
}

/** The counts with `replicas` in all, more where a token is cheapest, fewer where it is dearest. */
export function counted(counts: Counts, lots: readonly Lot[], replicas: number): Counts {
  const now = new Map(counts);
  const cheapest = lots.toSorted((a, b) => costPerUnit(a) - costPerUnit(b));
  for (const { profile, max, open } of cheapest) {
    const had = now.get(profile) ?? 0;
    if (open) now.set(profile, Math.max(had, Math.min(max, had + replicas - totalOf(now))));
  }
  for (const { profile } of cheapest.toReversed()) {
    now.set(profile, Math.max(0, (now.get(profile) ?? 0) - Math.max(0, totalOf(now) - replicas)));
  }
  return now;
}

/**
 * The counts without what is not needed, the dearest token first, `fewest` replicas in all at least: each is taken away only if
 * those that remain could do `units` and something to spare, so that it need not come back at once. While what is needed
 * still falls (not `settled`) the dearest alone is looked at: one that is small goes before it has to.
 */
export function thinned(counts: Counts, lots: readonly Lot[], { units, fewest, settled }: Thinning): Counts {
  const now = new Map(counts);
  const dearest = lots.toReversed().sort((a, b) => costPerUnit(b) - costPerUnit(a));
  while (totalOf(now) > fewest) {
    const remaining = unitsOf(now, lots);
    const present = dearest.filter(({ profile }) => (now.get(profile) ?? 0) > 0);
    const goes = present.slice(0, settled ? undefined : 1).find(({ weight }) => (remaining - weight) * spare >= units);
    if (!goes) break;
    now.set(goes.profile, now.get(goes.profile)! - 1);
  }
  return now;
}

function orders(counts: Counts, lots: readonly Lot[], missing: number, room: number): Order[] {
  const free = ({ open, max, profile }: Lot) => (open ? Math.max(0, max - (counts.get(profile) ?? 0)) : 0);
  return lots.flatMap((base) =>
    lots.flatMap((last) => {
      const many = Math.min(Math.floor(missing / base.weight + crumb), free(base), room);
      const left = free(last) - (last === base ? many : 0);
      const wanted = Math.ceil((missing - many * base.weight) / last.weight - crumb);
      const few = Math.max(0, Math.min(wanted, left, room - many));
      if (many + few === 0) return [];
      return [
        {
          counts: joined(new Map([[base.profile, many]]), new Map([[last.profile, few]])),
          units: many * base.weight + few * last.weight,
          cost: many * base.costPerHour + few * last.costPerHour,
        },
      ];
    }),
  );
}

/** Of what suffices the cheapest, and the smallest of equals; of what does not, the cheapest for what it gives. */
function compared(a: Order, b: Order, missing: number): number {
  if (a.units >= missing - crumb && b.units >= missing - crumb) return a.cost - b.cost || a.units - b.units;
  return a.cost / a.units - b.cost / b.units || b.units - a.units;
}

function joined(a: Counts, b: Counts): Counts {
  const all = new Map(a);
  for (const [profile, count] of b) all.set(profile, (all.get(profile) ?? 0) + count);
  return all;
}
