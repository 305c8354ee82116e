import type { Clock } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { Target } from '../providers/target.ts';
import { isHosted } from '../registry/serving.ts';
import { RecentTimes } from './recent-times.ts';

/** First tokens that are looked back on, in milliseconds, and how many of them it takes to know what is late. */
const windowMs = 120_000;
const enough = 20;
/** The share of requests that are not late. */
const usual = 0.95;
/** Models whose times are kept. */
const maxModels = 200;

/** When the first token of a model is late (Dean and Barroso, "The Tail at Scale", 2013: hedge behind the 95th percentile). */
export class HedgeDelays {
  readonly #clock: Clock;
  readonly #minMs: number;
  readonly #models = new Map<string, RecentTimes>();

  constructor(clock: Clock, minMs: number) {
    this.#clock = clock;
    this.#minMs = minMs;
  }

  firstToken(model: string, ms: number): void {
    let times = this.#models.get(model);
    if (!times) {
      if (this.#models.size >= maxModels) return;
      times = new RecentTimes(this.#clock, windowMs);
      this.#models.set(model, times);
    }
    times.add(ms);
  }

  /** Milliseconds after which a first token is late; undefined: too little is known of this model. */
  of(model: string): number | undefined {
    const times = this.#models.get(model);
    return times && times.count >= enough ? Math.max(this.#minMs, times.quantile(usual)) : undefined;
  }
}

/** Whether this engine may be asked though another one is asked too. */
export function mayHedge({ hedge }: Pick<RouterConfig, 'hedge'>, target: Target): boolean {
  return hedge === 'all' || (hedge === 'own' && !isHosted(target.endpoint));
}
