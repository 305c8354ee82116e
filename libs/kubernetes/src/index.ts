export * from './followed.ts';
export * from './kube-api.ts';
export * from './kube-error.ts';
export * from './object.ts';
export * from './resources.ts';
