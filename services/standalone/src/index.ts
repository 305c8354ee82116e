export * from './banner.ts';
export * from './config.ts';
export * from './dev-key.ts';
export * from './engines.ts';
export * from './standalone.ts';
