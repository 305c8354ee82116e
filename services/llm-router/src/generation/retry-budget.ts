import type { Clock } from '@flotilla/kernel';

/** Seconds that are looked back on. */
const windowSeconds = 10;

export interface BudgetLimits {
  /** Extra tries, as a share of the requests. */
  readonly share: number;
  /** Extra tries a second that are allowed whatever the requests. */
  readonly perSecond: number;
}

/**
 * Bounds what is tried beyond the requests themselves, so that failing engines get no more load by being asked again
 * (Google's SRE book on retry budgets; Finagle's and Envoy's are alike). Counts in slots of a second.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #limits: BudgetLimits;
  readonly #requests = new Array<number>(windowSeconds).fill(0);
  readonly #extra = new Array<number>(windowSeconds).fill(0);
  #second = 0;

  constructor(clock: Clock, limits: BudgetLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** A request began. */
  request(): void {
    this.#requests[this.#slot()]! += 1;
  }

  /** True, and it is counted: there is room for an extra try. `underWay`: requests that run now, whenever they began. */
  take(underWay = 0): boolean {
    const slot = this.#slot();
    const base = Math.max(sum(this.#requests), underWay);
    if (sum(this.#extra) + 1 > this.#limits.share * base + this.#limits.perSecond * windowSeconds) return false;
    this.#extra[slot]! += 1;
    return true;
  }

  #slot(): number {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    if (second - this.#second >= windowSeconds) {
      this.#requests.fill(0);
      this.#extra.fill(0);
      this.#second = second;
    }
    while (this.#second < second) {
      this.#second += 1;
      this.#requests[this.#second % windowSeconds] = 0;
      this.#extra[this.#second % windowSeconds] = 0;
    }
    return second % windowSeconds;
  }
}

function sum(slots: readonly number[]): number {
  let total = 0;
  for (const count of slots) total += count;
  return total;
}
