import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { KubeError } from '../kube-error.ts';
import type { KubeAccess } from './access.ts';

/** What a kubeconfig's current context says, exec plugins and OIDC included. Several files as in KUBECONFIG. */
export function accessByClient(files: string): KubeAccess {
  const config = new KubeConfig();
  const [first, ...others] = files.split(path.delimiter).filter(Boolean);
  config.loadFromFile(first!);
  for (const file of others) {
    const other = new KubeConfig();
    other.loadFromFile(file);
    config.mergeConfig(other, true);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new KubeError('forbidden', `${files} has no current context that names a cluster`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    ...(cluster.proxyUrl !== undefined && { proxy: cluster.proxyUrl }),
    async credentials() {
      const options: Parameters<KubeConfig['applyToHTTPSOptions']>[0] & Record<string, unknown> = {};
      await config.applyToHTTPSOptions(options);
      const { ca, cert, key, servername, rejectUnauthorized, auth } = options as Record<string, unknown>;
      const basic = typeof auth === 'string' && { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
      return {
        headers: { ...(options.headers as Record<string, string> | undefined), ...basic },
        tls: {
          ...pem('ca', ca),
          ...pem('cert', cert),
          ...pem('key', key),
          ...(typeof servername === 'string' && { servername }),
          ...(typeof rejectUnauthorized === 'boolean' && { rejectUnauthorized }),
        },
      };
    },
  };
}

function pem<Name extends string>(name: Name, value: unknown): { [name in Name]?: string } {
  if (value === undefined || value === null) return {};
  return { [name]: String(value) } as { [name in Name]: string };
}
