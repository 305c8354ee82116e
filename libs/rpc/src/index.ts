export * from './definition.ts';
export { createGrpcClient, type GrpcClient } from './grpc-client.ts';
export { createMemoryNetwork } from './memory-network.ts';
export { createMeshNetwork, type MeshNetwork, type MeshNetworkOptions } from './mesh-network.ts';
export type { CallDefaults, NetworkOptions, RpcObserver } from './network-options.ts';
export { nestService, RpcController, type NestServiceOptions } from './nest.ts';
