export { ragConfigSchema, ragDefaults, type RagConfig } from './config.ts';
export { createRag, type RagPorts } from './rag.ts';
export { ragTarget } from './host-target.ts';
