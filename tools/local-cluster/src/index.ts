export { localImages, type Image, type Images } from './agent/index.ts';
export { writeCommands } from './command-line.ts';
export { kubeconfigText, type Login } from './control-plane/kubeconfig.ts';
export { startLocalCluster, type LocalCluster, type LocalClusterOptions } from './local-cluster.ts';
export { clusterDnsEnvironment } from './network/cluster-dns-environment.ts';
export { defaultPools, type NodePool } from './nodes/node-pool.ts';
