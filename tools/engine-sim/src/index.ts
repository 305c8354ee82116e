export { optionsSchema, readOptions, type SimOptions } from './options.ts';
export { startEngineSim, type EngineSim } from './server.ts';
export { embed, embeddingDimensions } from './language/embedding.ts';
export { scan, tokenize } from './language/tokenizer.ts';
export type { SeenRequest, StatsView } from './stats.ts';
