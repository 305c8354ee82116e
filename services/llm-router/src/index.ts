export { defaults, routerConfigSchema, type RouterConfig } from './config.ts';
export { Endpoint, type EndpointFacts } from './endpoints/endpoint.ts';
export { routerTarget } from './host-target.ts';
export { EndpointPicker } from './picking/endpoint-picker.ts';
export { PickSharing } from './picking/pick-sharing.ts';
export type { RouterPorts } from './ports.ts';
export { Target } from './providers/target.ts';
export type { Resolution } from './registry/registry.ts';
export { createRouter } from './router-service.ts';
