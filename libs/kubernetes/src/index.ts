export * from './follow.ts';
export * from './followed.ts';
export { accessByToken, accessInCluster, findAccess, type Credentials, type KubeAccess } from './http/access.ts';
export { connectKubeApi, type KubeApiOptions } from './kube-api.http.ts';
export * from './kube-api.ts';
export * from './kube-error.ts';
export * from './object.ts';
export * from './resource-path.ts';
export * from './resources.ts';
