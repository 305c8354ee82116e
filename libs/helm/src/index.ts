export * from './helm.ts';
