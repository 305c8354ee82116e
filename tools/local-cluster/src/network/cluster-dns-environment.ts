import path from 'node:path';

/** Beside this file, in the form this file has: source or built. */
const preload = path.join(import.meta.dirname, `cluster-dns${path.extname(import.meta.filename)}`);

/** What makes a Node process of a pod ask the cluster's DNS server for names of the cluster. Other programs ignore it. */
export function clusterDnsEnvironment(dnsPort: number, namespace: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${preload}`,
    FLOTILLA_CLUSTER_DNS: `127.0.0.1:${dnsPort}`,
    FLOTILLA_CLUSTER_NAMESPACE: namespace,
  };
}
