export * from './helm.ts';
export * from './helm-binary.ts';
export * from './helm.cli.ts';
