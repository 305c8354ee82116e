export { startAgent, type Agent, type AgentOptions } from './agent.ts';
export { agentResources } from './claims.ts';
export type { Image, Images, Program } from './images/image.ts';
export { localImages } from './images/images.ts';
