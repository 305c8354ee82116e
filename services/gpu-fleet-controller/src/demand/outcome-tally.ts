import type { Outcomes } from '../models/world.ts';

/** Times to the first token that are kept of a version. */
const maxTimes = 512;

/** How requests went on one version. */
export class OutcomeTally {
  private answered = 0;
  private failed = 0;
  /** A ring: the oldest goes first. */
  private readonly times: number[] = [];
  private next = 0;

  add({ answered, failed, ttftMs }: { answered: number; failed: number; ttftMs: readonly number[] }): void {
    this.answered += answered;
    this.failed += failed;
    for (const time of ttftMs) {
      this.times[this.next] = time;
      this.next = (this.next + 1) % maxTimes;
    }
  }

  total(): Outcomes {
    return { answered: this.answered, failed: this.failed, ttftMs: [...this.times] };
  }
}
