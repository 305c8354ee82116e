import { EngineMetrics, Scheduler, type SchedulerOptions } from '@flotilla/engine-sim';
import type { Clock } from '@flotilla/kernel';
import { blockTokens, type Prompt } from './shared-prefixes.ts';

/** Qwen3-32B on two H100, roughly: 300,000 tokens of cache, 12,000 tokens of prefill and 60 of a lone answer a second. */
const standard: SchedulerOptions = {
  ...{ maxNumSeqs: 256, maxWaiting: 10_000, numGpuBlocks: 3_750, blockSize: blockTokens, prefixCaching: true },
  ...{ prefillTokensPerSecond: 12_000, decodeTokensPerSecond: 60, decodeSlowdown: 0.01, maxLoras: 4 },
};

/** Milliseconds between two steps of a batch: how exact the times are. */
const stepMs = 20;

export interface Asked {
  readonly outputTokens: number;
  onFirstToken(): void;
  onDone(): void;
}

/** The simulator's scheduler without its HTTP, on a clock that is moved by hand. */
export class SimulatedEngine {
  readonly metrics = new EngineMetrics();
  readonly #scheduler: Scheduler;

  /** `speed`: of prefill and decoding, against the others. */
  constructor(clock: Clock, speed = 1) {
    const { prefillTokensPerSecond: prefill, decodeTokensPerSecond: decode } = standard;
    const slowed = { prefillTokensPerSecond: prefill * speed, decodeTokensPerSecond: decode * speed };
    const coarse = { ...clock, after: (ms: number, run: () => void) => clock.after(ms && Math.max(ms, stepMs), run) };
    this.#scheduler = new Scheduler({ ...standard, ...slowed }, this.metrics, coarse);
  }

  ask({ tokens, blocks }: Prompt, { outputTokens, onFirstToken, onDone }: Asked): void {
    let first = true;
    this.#scheduler.submit({
      ...{ promptTokens: tokens, promptBlocks: blocks, outputTokens, adapter: undefined, whole: false },
      finishReason: 'length',
      onTokens(_from, _to, done) {
        if (first) onFirstToken();
        first = false;
        if (done) onDone();
      },
      onAdmitted: () => undefined,
      onAborted: () => undefined,
      allBlocks: () => blocks,
    });
  }

  /** What a probe of its metrics says. */
  get load() {
    return { ...this.#scheduler.load, kvCacheUsage: this.#scheduler.pool.usage };
  }
}
