import type { ScalingSpec } from '../models/model-spec.ts';

const minute = 60_000;

/** How many replicas there may be at most and at least now, by what a minute may add and take away. */
export class Pace {
  #counts: { at: number; count: number }[] = [];

  /** What was decided. */
  add(at: number, count: number): void {
    if (this.#counts.at(-1)?.count === count) return;
    this.#counts.push({ at, count });
    // What held at the beginning of the minute counts as well.
    while (this.#counts.length > 1 && this.#counts[1]!.at <= at - minute) this.#counts.shift();
    if (this.#counts.length > 240) this.#counts.splice(1, 1);
  }

  most(at: number, { scaleUp }: ScalingSpec): number {
    const least = Math.min(...this.#lastMinute(at));
    return least + Math.max(scaleUp.podsPerMinute, Math.floor((least * scaleUp.percentPerMinute) / 100));
  }

  fewest(at: number, { scaleDown }: ScalingSpec): number {
    const most = Math.max(...this.#lastMinute(at));
    return Math.max(0, most - Math.max(scaleDown.podsPerMinute, Math.floor((most * scaleDown.percentPerMinute) / 100)));
  }

  #lastMinute(at: number): number[] {
    const counts = this.#counts.filter((_, i) => (this.#counts[i + 1]?.at ?? Infinity) > at - minute);
    return counts.length > 0 ? counts.map(({ count }) => count) : [0];
  }
}
