import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { KubeError } from '../kube-error.ts';
import { accessByKubeconfig } from './access.kubeconfig.ts';

/** What a connection is made with. PEM. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls;
}

/** Where a cluster's API is, and who asks. */
export interface KubeAccess {
  /** Without a slash at its end. */
  readonly server: string;
  /** The namespace it is for when none is named: the pod's own, or that of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly proxy?: string;
  /** As they are now: asked for again each minute and after a refused login, so that a rotated token is taken up. */
  credentials(): Promise<Credentials>;
}

/** A token that does not change. Without `ca` the system's authorities are trusted. */
export function accessByToken(options: {
  server: string;
  token: string;
  ca?: string;
  namespace?: string;
  /** Takes any certificate: for a cluster of one's own machine. */
  insecure?: boolean;
}): KubeAccess {
  const { server, token, ca, namespace, insecure } = options;
  const tls = { ...(ca !== undefined && { ca }), ...(insecure === true && { rejectUnauthorized: false }) };
  return {
    server: server.replace(/\/+$/, ''),
    namespace,
    credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, tls }),
  };
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The identity of the pod this process runs in; undefined outside of a cluster. */
export function accessInCluster(folder = serviceAccountFolder, env = process.env): KubeAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const file = (name: string) => path.join(folder, name);
  if (host === undefined || host === '' || !existsSync(file('token'))) return undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: existsSync(file('namespace')) ? readFileSync(file('namespace'), 'utf8').trim() : undefined,
    async credentials() {
      const [token, ca] = await Promise.all(['token', 'ca.crt'].map((name) => readFile(file(name), 'utf8')));
      return { headers: { authorization: `Bearer ${token!.trim()}` }, tls: { ca: ca! } };
    },
  };
}

/**
 * As client-go finds it: the kubeconfig that is named (here or by KUBECONFIG), else the pod's own identity, else
 * ~/.kube/config. Throws kind `forbidden` when there is none of these.
 */
export async function findAccess(kubeconfig = process.env['KUBECONFIG']): Promise<KubeAccess> {
  const inCluster = kubeconfig ? undefined : accessInCluster();
  if (inCluster) return inCluster;
  const file = kubeconfig || path.join(process.env['HOME'] ?? '/', '.kube/config');
  if (!existsSync(file.split(path.delimiter)[0]!)) {
    throw new KubeError('forbidden', `no kubeconfig at ${file}, and this process runs in no cluster`);
  }
  return accessByKubeconfig(file);
}
