export * from './clock.ts';
export * from './config.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './lifecycle.ts';
export * from './model-prices.ts';
export * from './platform-file.ts';
export * from './process.ts';
