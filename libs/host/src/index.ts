export * from './host.ts';
export * from './mesh-config.ts';
export * from './platform-file.ts';
export * from './rpc-metrics.ts';
export * from './run-service.ts';
