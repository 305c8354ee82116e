export * from './definition.ts';
export { createMemoryNetwork } from './memory-network.ts';
export type { CallDefaults, NetworkOptions, RpcObserver } from './network-options.ts';
export { nestService, RpcController, type NestServiceOptions } from './nest.ts';
