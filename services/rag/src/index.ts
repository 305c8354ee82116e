export { ragConfigSchema, ragDefaults, type RagConfig } from './config.ts';
export { ragMigrations } from './migrations.ts';
export { createRag, type RagPorts } from './rag.ts';
export { ragTarget } from './host-target.ts';
