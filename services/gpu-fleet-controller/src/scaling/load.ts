import type { ModelSpec } from '../models/model-spec.ts';
import type { Demand, Replica } from '../models/world.ts';
import { sum, type Learned } from './learned.ts';
import { unitTokens, type Lot } from './lots.ts';

/** What a Model carries at an instant. Units: replicas of its first profile. */
export const loadKeys = [
  'requests',
  'waiting',
  'held',
  'arrived',
  'requestUnits',
  'countedUnits',
  'waitingUnits',
  'kvUnits',
  'tokens',
  'generated',
  'cloggedUnits',
] as const;
export type Load = Record<(typeof loadKeys)[number], number>;

/** A queue counts up to so many times its target: what waits at a replica is not helped by others. */
const queueCounts = 2;

/** Of replicas that serve; one that tells nothing is taken to be at its target. */
export function loadOf(
  serving: readonly Replica[],
  demand: Demand,
  { scaling }: ModelSpec,
  lots: readonly Lot[],
  learned: Learned,
): Load {
  const { target, stableWindowSeconds } = scaling;
  const perUnit = unitTokens(lots);
  const seconds = (learned.tokensPerRequest ?? 0) / (perUnit ?? 1);
  const each = serving.map(({ pod, profile, load }) => {
    const weight = lots.find((lot) => lot.profile === profile)?.weight ?? 1;
    if (!load) return silent(weight, target, perUnit ?? 0);
    const rate = learned.rates.of(pod);
    return {
      ...{ requests: load.running + load.waiting, waiting: load.waiting, held: 0, arrived: 0 },
      requestUnits: (load.running + load.waiting) / target.requests,
      countedUnits: load.running / target.requests + Math.min(weight, load.waiting / target.requests),
      waitingUnits: Math.min(queueCounts * weight, load.waiting / target.waiting),
      kvUnits: (load.kvCacheUsage * weight) / target.kvCache,
      tokens: (rate?.prompt ?? 0) + (rate?.generated ?? 0),
      generated: rate?.generated ?? 0,
      // The part of the time to come in which its own queue keeps it from what arrives.
      cloggedUnits: Math.min(weight, (load.waiting * seconds) / Math.max(stableWindowSeconds, 1)),
    };
  });
  const total = (key: keyof Load) => sum(each.map((one) => one[key]));
  return {
    ...(Object.fromEntries(loadKeys.map((key) => [key, total(key)])) as Load),
    held: demand.held,
    arrived: demand.arrived,
  };
}

function silent(weight: number, target: ModelSpec['scaling']['target'], perUnit: number): Load {
  return {
    ...{ requests: weight * target.requests, waiting: 0, held: 0, arrived: 0, cloggedUnits: 0 },
    ...{ requestUnits: weight, countedUnits: weight, waitingUnits: weight, kvUnits: weight },
    tokens: weight * (target.tokensPerSecond ?? 0),
    generated: weight * perUnit,
  };
}
