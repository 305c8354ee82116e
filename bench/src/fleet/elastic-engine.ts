import { EngineMetrics, Scheduler, type SchedulerOptions } from '@flotilla/engine-sim';
import type { ScaledReplica } from '@flotilla/gpu-fleet-controller';
import type { FakeClock } from '@flotilla/testkit';

/** An 8B model on one card, roughly: 32 requests at once, 12,000 tokens of prefill and 60 of a lone answer a second. */
const card: SchedulerOptions = {
  ...{ maxNumSeqs: 32, maxWaiting: 100_000, numGpuBlocks: 20_000, blockSize: 16, prefixCaching: false },
  ...{ prefillTokensPerSecond: 12_000, decodeTokensPerSecond: 60, decodeSlowdown: 0.01, maxLoras: 4 },
};
/** Milliseconds between two steps of a batch: how exact the times are. */
const stepMs = 20;

export interface Asked {
  readonly promptTokens: number;
  readonly outputTokens: number;
  onFirstToken(): void;
}

/** The simulator's scheduler as a replica: it starts, serves, drains. */
export class ElasticEngine {
  inFlight = 0;
  answered = 0;
  draining = false;
  readonly #metrics = new EngineMetrics();
  readonly #scheduler: Scheduler;
  readonly #clock: FakeClock;

  constructor(
    readonly name: string,
    clock: FakeClock,
    readonly createdAt: number,
    readonly readyAt: number,
  ) {
    this.#clock = clock;
    const coarse = { ...clock, after: (ms: number, run: () => void) => clock.after(ms && Math.max(ms, stepMs), run) };
    this.#scheduler = new Scheduler(card, this.#metrics, coarse);
  }

  get ready(): boolean {
    return this.#clock.now() >= this.readyAt;
  }

  ask({ promptTokens, outputTokens, onFirstToken }: Asked): void {
    this.inFlight += 1;
    let first = true;
    this.#scheduler.submit({
      ...{ promptTokens, promptBlocks: [], outputTokens, adapter: undefined, whole: false, finishReason: 'length' },
      onTokens: (_from, _to, done) => {
        if (first) onFirstToken();
        first = false;
        if (!done) return;
        this.inFlight -= 1;
        this.answered += 1;
      },
      onAdmitted: () => undefined,
      onAborted: () => undefined,
      allBlocks: () => [],
    });
  }

  /** As a probe would tell it. */
  told(): ScaledReplica {
    const place = { revision: 'a', profile: 'card', pod: this.name, node: this.name, reason: '', restarts: 0 };
    const state = this.draining ? 'draining' : this.ready ? 'ready' : 'starting';
    if (!this.ready) return { ...place, state, createdAt: this.createdAt, adapters: [] };
    return {
      ...{ ...place, state, createdAt: this.createdAt, readyAt: this.readyAt, adapters: [] },
      load: { ...this.#scheduler.load, kvCacheUsage: this.#scheduler.pool.usage },
      promptTokens: this.#metrics.promptTokens,
      generatedTokens: this.#metrics.generationTokens,
    };
  }
}
