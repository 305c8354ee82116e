export { optionsSchema, readOptions, type SimOptions } from './options.ts';
export { startEngineSim, type EngineSim } from './server.ts';
export { embed, embeddingDimensions } from './language/embedding.ts';
export { scan, tokenize } from './language/tokenizer.ts';
export type { SeenRequest, StatsView } from './stats.ts';
export { EngineMetrics } from './metrics/engine-metrics.ts';
export { Scheduler, type SchedulerOptions } from './scheduling/scheduler.ts';
