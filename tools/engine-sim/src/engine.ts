import type { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { ApiError } from './http/exchange.ts';
import { answer, type Message } from './language/answer.ts';
import { EngineMetrics } from './metrics/engine-metrics.ts';
import { ModelRegistry } from './model-registry.ts';
import type { SimOptions } from './options.ts';
import { Sleeper } from './sleeper.ts';
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
  readonly sleeper = new Sleeper();

  constructor(options: SimOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    this.faults = new Faults(options.seed);
    this.models = new ModelRegistry(options.model, options.embeddingModel);
    for (const adapter of options.loraModules.split(',').filter(Boolean)) {
      const [name, ...path] = adapter.split('=');
      if (!name || path.length === 0) throw new Error(`lora-modules: "${adapter}" is not name=path`);
      this.models.loadAdapter(name, path.join('='));
    }
    this.scheduler = new Scheduler(options, this.metrics, clock);
  }

  /** Tokens one sequence may have: the context window, or all of the KV cache where that is less. */
  get maxModelLen(): number {
    return Math.min(this.options.maxModelLen, this.options.numGpuBlocks * this.options.blockSize);
  }

  /** What it says; without its weights, noise. */
  say(messages: readonly Message[], variation: number): string {
    return this.sleeper.noise ? '!'.repeat(12) : answer(messages, this.options.seed + variation);
  }

  /** Throws while the engine sleeps: there are no weights to compute with. */
  assertAwake(): void {
    if (this.sleeper.level > 0) throw new ApiError(503, 'ServiceUnavailableError', 'The engine is sleeping.');
  }

  metricsText(): string {
    const { options, scheduler } = this;
    return this.metrics.render(options.model, {
      ...scheduler.load,
      kvCacheUsage: scheduler.pool.usage,
      sleepLevel: this.sleeper.level,
      blockSize: options.blockSize,
      numGpuBlocks: options.numGpuBlocks,
      maxLoras: options.maxLoras,
      runningAdapters: scheduler.adapters('running'),
      waitingAdapters: scheduler.adapters('waiting'),
      now: this.clock.now() / 1_000,
    });
  }
}
