import type { PickingConfig } from '@flotilla/kernel';
import { adapter } from './adapter.ts';
import { cost } from './cost.ts';
import { kvCache } from './kv-cache.ts';
import { latency } from './latency.ts';
import { prefix } from './prefix.ts';
import { queue } from './queue.ts';
import type { Scorer } from './scorer.ts';
import { zone } from './zone.ts';

/** All there are, by the names of their weights. */
const scorers: Record<keyof PickingConfig['weights'], Scorer> = {
  queue,
  kv_cache: kvCache,
  prefix,
  adapter,
  latency,
  cost,
  zone,
};

/** The sum of those that have a weight. */
export function weighted(weights: PickingConfig['weights']): Scorer {
  const names = Object.keys(scorers) as (keyof typeof scorers)[];
  const active = names.filter((name) => weights[name] > 0).map((name) => [scorers[name], weights[name]] as const);
  return (candidate, context) => {
    let sum = 0;
    for (const [score, weight] of active) sum += weight * score(candidate, context);
    return sum;
  };
}
