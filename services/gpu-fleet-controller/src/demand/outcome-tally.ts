import type { Outcomes } from '../models/world.ts';

/** Times to the first token that are kept of a version. */
const maxTimes = 512;

/** How requests went on one version. */
export class OutcomeTally {
  private answered = 0;
  private failed = 0;
  /** The newest last. */
  private readonly times: number[] = [];

  add({ answered, failed, ttftMs }: { answered: number; failed: number; ttftMs: readonly number[] }): void {
    this.answered += answered;
    this.failed += failed;
    this.times.push(...ttftMs);
    this.times.splice(0, this.times.length - maxTimes);
  }

  total(): Outcomes {
    return { answered: this.answered, failed: this.failed, ttftMs: [...this.times] };
  }
}
