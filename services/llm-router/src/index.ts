export { defaults, routerConfigSchema, type RouterConfig } from './config.ts';
export { routerTarget } from './host-target.ts';
export type { RouterPorts } from './ports.ts';
export { createRouter } from './router-service.ts';
