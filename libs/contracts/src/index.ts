// One namespace per area of proto/flotilla: `import { safety } from '@flotilla/contracts'`, then `safety.CheckRequest`.
export * as chat from './generated/flotilla/chat/v1/chat.ts';
export * as common from './generated/flotilla/common/v1/common.ts';
export * as events from './generated/flotilla/events/v1/events.ts';
export * as fleet from './generated/flotilla/fleet/v1/fleet.ts';
export * as limits from './generated/flotilla/limits/v1/limits.ts';
export * as orchestrator from './generated/flotilla/orchestrator/v1/orchestrator.ts';
export * as rag from './generated/flotilla/rag/v1/rag.ts';
export * as router from './generated/flotilla/router/v1/router.ts';
export * as link from './generated/flotilla/rpc/v1/link.ts';
export * as safety from './generated/flotilla/safety/v1/safety.ts';
export { fileDescriptorSet } from './generated/descriptors.ts';
