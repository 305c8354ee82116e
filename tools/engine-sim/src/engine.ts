import type { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { ApiError } from './http/exchange.ts';
import { EngineMetrics } from './metrics/engine-metrics.ts';
import { ModelRegistry } from './model-registry.ts';
import type { SimOptions } from './options.ts';
import { Scheduler } from './scheduling/scheduler.ts';
import { Stats } from './stats.ts';

/** The parts of one simulated engine, as its routes see them. */
export class Engine {
  readonly options: SimOptions;
  readonly clock: Clock;
  readonly metrics = new EngineMetrics();
  readonly stats = new Stats();
  readonly faults: Faults;
  readonly models: ModelRegistry;
  readonly scheduler: Scheduler;
  /** 0: awake; 1 and 2: vLLM's sleep levels. */
  sleepLevel = 0;

  constructor(options: SimOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    this.faults = new Faults(options.seed);
    this.models = new ModelRegistry(options.model, options.embeddingModel);
    this.scheduler = new Scheduler(options, this.metrics, clock);
  }

  /** Tokens one sequence may have: the context window, or all of the KV cache where that is less. */
  get maxModelLen(): number {
    return Math.min(this.options.maxModelLen, this.options.numGpuBlocks * this.options.blockSize);
  }

  /** Throws while the engine sleeps: there are no weights to compute with. */
  assertAwake(): void {
    if (this.sleepLevel > 0) throw new ApiError(503, 'ServiceUnavailableError', 'The engine is sleeping.');
  }

  metricsText(): string {
    const { options, scheduler } = this;
    return this.metrics.render(options.model, {
      ...scheduler.load,
      kvCacheUsage: scheduler.pool.usage,
      asleep: this.sleepLevel > 0,
      blockSize: options.blockSize,
      numGpuBlocks: options.numGpuBlocks,
      maxLoras: options.maxLoras,
      runningAdapters: scheduler.adapters('running'),
      waitingAdapters: scheduler.adapters('waiting'),
      now: this.clock.now() / 1_000,
    });
  }
}
