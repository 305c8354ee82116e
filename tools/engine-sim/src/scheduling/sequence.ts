import type { FinishReason } from '../metrics/engine-metrics.ts';
import type { Holding } from './block-pool.ts';

/** One answer to be generated. What it says is known from the start; the scheduler decides when each token is out. */
export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** A hash for each full block of the prompt. */
  readonly promptBlocks: readonly number[];
  /** The LoRA adapter it runs on. */
  readonly adapter: string | undefined;
  /** Nobody sees its tokens before the last: at unlimited speed they come in one step. */
  readonly whole: boolean;
  readonly finishReason: FinishReason;
  /** Tokens `from` up to `to` are out. `done` with the last ones. */
  onTokens(from: number, to: number, done: boolean): void;
  /** Called when it enters the batch, with the prompt tokens that the prefix cache held. */
  onAdmitted(cachedTokens: number): void;
  /** The engine gave it up: it fell asleep or shut down. */
  onAborted(): void;
  /** Hashes of all full blocks of prompt and answer, for the prefix cache of the next turn. */
  allBlocks(): readonly number[];
}

/** A job with its place in the batch. Times are of the monotonic clock, milliseconds. */
export class Sequence {
  readonly job: Job;
  readonly arrivedAt: number;
  state: 'waiting' | 'running' | 'gone' = 'waiting';
  holding: Holding | undefined;
  emitted = 0;
  /** Tokens still to be computed before the next one can be sampled. */
  prefillLeft = 0;
  /** Tokens, whole and part, that time has earned and that are not out yet. */
  credit = 0;
  admittedAt = 0;
  firstTokenAt = 0;
  lastTokenAt = 0;

  constructor(job: Job, arrivedAt: number) {
    this.job = job;
    this.arrivedAt = arrivedAt;
  }
}
