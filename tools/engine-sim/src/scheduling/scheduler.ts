import type { Clock } from '../clock.ts';
import type { EngineMetrics } from '../metrics/engine-metrics.ts';
import { BlockPool } from './block-pool.ts';
import { Sequence, type Job } from './sequence.ts';

export interface SchedulerOptions {
  maxNumSeqs: number;
  maxWaiting: number;
  numGpuBlocks: number;
  blockSize: number;
  prefixCaching: boolean;
  /** Over all sequences; 0: no time. */
  prefillTokensPerSecond: number;
  /** Of a lone sequence; 0: a token a turn. */
  decodeTokensPerSecond: number;
  /** Fraction by which each further sequence slows the others. */
  decodeSlowdown: number;
  maxLoras: number;
}

/** Batches above this size are stepped in coarser ticks: a tick walks the whole batch. */
const largeBatch = 64;
const tickMs = { small: 1, large: 4 };

/**
 * Continuous batching in the manner of vLLM's V1 scheduler: first come first served admission while there is a seat and KV
 * blocks, prompts prefilled out of one shared budget, all decoding sequences advanced together, and the youngest one
 * preempted (to be recomputed) when blocks run out. One timer drives all sequences.
 */
export class Scheduler {
  readonly pool: BlockPool;
  private readonly waiting: Sequence[] = [];
  private readonly running: Sequence[] = [];
  private readonly options: SchedulerOptions;
  private readonly metrics: EngineMetrics;
  private readonly clock: Clock;
  private timer: { cancel(): void } | undefined;
  private steppedAt = 0;
  private stepping = false;

  constructor(options: SchedulerOptions, metrics: EngineMetrics, clock: Clock) {
    this.options = options;
    this.metrics = metrics;
    this.clock = clock;
    this.pool = new BlockPool(options.numGpuBlocks);
  }

  get load() {
    return { running: this.running.length, waiting: this.waiting.length };
  }

  adapters(state: 'running' | 'waiting'): string[] {
    const names = (state === 'running' ? this.running : this.waiting).map(({ job }) => job.adapter);
    return [...new Set(names.filter((name) => name !== undefined))];
  }

  /** Queues a job; undefined when the queue is full. Call the result to abort it. */
  submit(job: Job): (() => void) | undefined {
    if (this.waiting.length >= this.options.maxWaiting) return undefined;
    const now = this.clock.monotonic();
    const sequence = new Sequence(job, now);
    this.waiting.push(sequence);
    if (!this.timer && !this.stepping) {
      this.steppedAt = now;
      this.timer = this.clock.after(0, this.step);
    }
    return () => this.abort(sequence);
  }

  /** Gives up everything and forgets the cache. */
  abortAll(): void {
    for (const sequence of [...this.running, ...this.waiting]) {
      this.abort(sequence);
      sequence.job.onAborted();
    }
    this.pool.reset();
  }

  private abort(sequence: Sequence): void {
    if (sequence.state === 'gone') return;
    const list = sequence.state === 'running' ? this.running : this.waiting;
    this.leave(sequence);
    this.metrics.finished.abort += 1;
    // A step walks the batch and sweeps out who is gone when it ends.
    if (list === this.waiting || !this.stepping) list.splice(list.indexOf(sequence), 1);
  }

  private leave(sequence: Sequence): void {
    sequence.state = 'gone';
    if (sequence.holding) this.pool.release(sequence.holding);
    sequence.holding = undefined;
  }

  private readonly step = (): void => {
    this.timer = undefined;
    this.stepping = true;
    const now = this.clock.monotonic();
    const elapsed = (now - this.steppedAt) / 1_000;
    this.steppedAt = now;
    this.admit(now);
    this.prefill(now, elapsed);
    this.decode(now, elapsed);
    this.sweep();
    this.stepping = false;
    if (this.running.length > 0) this.timer = this.clock.after(this.pause(), this.step);
    else if (this.waiting.length > 0) this.timer = this.clock.after(0, this.step);
  };

  private admit(now: number): void {
    while (this.waiting.length > 0 && this.running.length < this.options.maxNumSeqs) {
      const sequence = this.waiting[0]!;
      const { job } = sequence;
      if (job.adapter !== undefined && !this.adapterFits(job.adapter)) return;
      const { blockSize } = this.options;
      const tokens = job.promptTokens + sequence.emitted;
      // vLLM always computes the last token itself: it needs its logits.
      const reusable = Math.min(this.pool.match(job.promptBlocks), Math.floor((tokens - 1) / blockSize));
      const matched = this.options.prefixCaching ? reusable : 0;
      const fresh = Math.ceil((tokens + 1) / blockSize) - matched;
      const holding = this.pool.take(job.promptBlocks, matched, fresh);
      if (!holding) return;
      this.waiting.shift();
      sequence.holding = holding;
      sequence.state = 'running';
      sequence.prefillLeft = tokens - matched * blockSize;
      this.running.push(sequence);
      this.metrics.prefixCacheQueries += tokens;
      this.metrics.prefixCacheHits += matched * blockSize;
      if (sequence.admittedAt > 0) continue;
      sequence.admittedAt = now;
      this.metrics.queueTime.observe((now - sequence.arrivedAt) / 1_000);
      job.onAdmitted(matched * blockSize);
    }
  }

  private adapterFits(adapter: string): boolean {
    const running = this.adapters('running');
    return running.includes(adapter) || running.length < this.options.maxLoras;
  }

  private prefill(now: number, elapsed: number): void {
    const rate = this.options.prefillTokensPerSecond;
    let budget = rate === 0 ? Infinity : rate * elapsed;
    for (const sequence of this.running) {
      if (sequence.prefillLeft === 0) continue;
      const spent = Math.min(budget, sequence.prefillLeft);
      budget -= spent;
      sequence.prefillLeft -= spent;
      if (sequence.prefillLeft > 0) return;
      if (this.options.prefixCaching) this.pool.publish(sequence.holding!, sequence.job.promptBlocks);
      // The pass that ends a prefill samples a token.
      sequence.credit = 1;
      if (sequence.emitted > 0) continue;
      this.metrics.promptTokens += sequence.job.promptTokens;
      this.metrics.requestPromptTokens.observe(sequence.job.promptTokens);
      this.metrics.prefillTime.observe((now - sequence.admittedAt) / 1_000);
    }
  }

  private decodeRate(): number {
    const { decodeTokensPerSecond, decodeSlowdown } = this.options;
    return decodeTokensPerSecond / (1 + decodeSlowdown * (this.running.length - 1));
  }

  private decode(now: number, elapsed: number): void {
    const rate = this.decodeRate();
    for (const sequence of this.running) {
      if (sequence.state !== 'running' || sequence.prefillLeft > 0) continue;
      const left = sequence.job.outputTokens - sequence.emitted;
      if (rate === 0) sequence.credit = sequence.job.whole ? left : 1;
      else if (sequence.emitted > 0) sequence.credit += rate * elapsed;
      const tokens = Math.min(left, Math.floor(sequence.credit));
      if (tokens === 0 && left > 0) continue;
      if (!this.reserve(sequence, tokens)) continue;
      sequence.credit -= tokens;
      this.emit(sequence, tokens, now);
    }
  }

  /** Blocks for `tokens` more; preempts the youngest while there are none. False: it was itself the youngest. */
  private reserve(sequence: Sequence, tokens: number): boolean {
    const holding = sequence.holding!;
    const needed = Math.ceil((sequence.job.promptTokens + sequence.emitted + tokens) / this.options.blockSize);
    while (holding.shared.length + holding.own < needed) {
      if (this.pool.grow(holding)) continue;
      const youngest = this.running.findLast(({ state }) => state === 'running')!;
      this.pool.release(youngest.holding!);
      youngest.holding = undefined;
      youngest.state = 'waiting';
      youngest.credit = 0;
      this.waiting.unshift(youngest);
      this.metrics.preemptions += 1;
      if (youngest === sequence) return false;
    }
    return true;
  }

  private emit(sequence: Sequence, tokens: number, now: number): void {
    const { metrics } = this;
    const { job, emitted } = sequence;
    if (emitted === 0) {
      sequence.firstTokenAt = now;
      metrics.timeToFirstToken.observe((now - sequence.arrivedAt) / 1_000);
    } else metrics.interTokenLatency.observe((now - sequence.lastTokenAt) / 1_000 / tokens, tokens);
    sequence.lastTokenAt = now;
    sequence.emitted += tokens;
    metrics.generationTokens += tokens;
    const done = sequence.emitted >= job.outputTokens;
    if (done) {
      if (this.options.prefixCaching) this.pool.publish(sequence.holding!, job.allBlocks());
      this.leave(sequence);
      metrics.finished[job.finishReason] += 1;
      metrics.endToEnd.observe((now - sequence.arrivedAt) / 1_000);
      metrics.decodeTime.observe((now - sequence.firstTokenAt) / 1_000);
      metrics.requestGenerationTokens.observe(job.outputTokens);
    }
    job.onTokens(emitted, sequence.emitted, done);
  }

  private sweep(): void {
    let kept = 0;
    for (const sequence of this.running) if (sequence.state === 'running') this.running[kept++] = sequence;
    this.running.length = kept;
  }

  /** Milliseconds until the next token of any sequence is due. */
  private pause(): number {
    const rate = this.decodeRate();
    const prefillRate = this.options.prefillTokensPerSecond;
    let pause = Infinity;
    for (const { prefillLeft, credit } of this.running) {
      const due = prefillLeft > 0 ? prefillLeft / prefillRate : rate === 0 ? 0 : (1 - credit) / rate;
      if (due < pause) pause = due;
    }
    if (pause === 0) return 0;
    return Math.max(Math.ceil(pause * 1_000), this.running.length > largeBatch ? tickMs.large : tickMs.small);
  }
}
