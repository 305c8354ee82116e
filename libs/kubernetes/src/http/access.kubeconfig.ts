import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { KubeError } from '../kube-error.ts';
import type { Credentials, KubeAccess, Tls } from './access.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A cluster, user or context of a kubeconfig, and the folder its relative paths begin at. */
interface Part {
  readonly fields: Fields;
  readonly folder: string;
}

/**
 * What a kubeconfig's current context says; of several files, as KUBECONFIG may name, the first that has a name counts. Logins by
 * plugin or provider are left to Kubernetes' own client, which is loaded only for them: it takes 90 MB.
 */
export async function accessByKubeconfig(files: string): Promise<KubeAccess> {
  const parts = await readParts(files.split(path.delimiter).filter(Boolean));
  const context = parts.get(`contexts ${parts.get('current-context')?.fields['name']}`)?.fields;
  const cluster = parts.get(`clusters ${context?.['cluster']}`);
  const server = cluster?.fields['server'];
  if (!context || !cluster || typeof server !== 'string') {
    throw new KubeError('forbidden', `${files} has no current context that names a cluster with its server`);
  }
  const user = parts.get(`users ${context['user']}`);
  if (user?.fields['exec'] !== undefined || user?.fields['auth-provider'] !== undefined) {
    const { accessByClient } = await import('./access.client-node.ts');
    return accessByClient(files);
  }
  const { namespace } = context;
  const proxy = cluster.fields['proxy-url'];
  return {
    server: server.replace(/\/+$/, ''),
    namespace: typeof namespace === 'string' ? namespace : undefined,
    ...(typeof proxy === 'string' && { proxy }),
    credentials: () => credentialsOf(cluster, user),
  };
}

async function readParts(files: readonly string[]): Promise<Map<string, Part>> {
  const parts = new Map<string, Part>();
  const add = (key: string, part: Part) => parts.has(key) || parts.set(key, part);
  for (const file of files) {
    const folder = path.dirname(file);
    const config = await parsed(file);
    const current = config['current-context'];
    if (typeof current === 'string' && current) add('current-context', { fields: { name: current }, folder });
    for (const [list, field] of Object.entries({ contexts: 'context', clusters: 'cluster', users: 'user' })) {
      for (const entry of listOf(config[list]))
        add(`${list} ${entry['name']}`, { fields: fieldsOf(entry[field]), folder });
    }
  }
  return parts;
}

async function parsed(file: string): Promise<Fields> {
  try {
    return fieldsOf(parse(await readFile(file, 'utf8')));
  } catch (cause) {
    // The cause may quote the file, and with it a token.
    const why = cause instanceof YAMLParseError ? 'it is no YAML' : (cause as NodeJS.ErrnoException).code;
    throw new KubeError('forbidden', `the kubeconfig ${file} cannot be read: ${why}`);
  }
}

async function credentialsOf(cluster: Part, user: Part | undefined): Promise<Credentials> {
  const [ca, cert, key, token] = await Promise.all([
    pem(cluster, 'certificate-authority'),
    pem(user, 'client-certificate'),
    pem(user, 'client-key'),
    tokenOf(user),
  ]);
  const { 'tls-server-name': servername, 'insecure-skip-tls-verify': insecure } = cluster.fields;
  const { username, password, as: impersonated } = user?.fields ?? {};
  const basic = username !== undefined && `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const authorization = token ? `Bearer ${token}` : basic;
  const tls: Tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(typeof servername === 'string' && { servername }),
    ...(insecure === true && { rejectUnauthorized: false }),
  };
  return {
    headers: {
      ...(authorization && { authorization }),
      ...(typeof impersonated === 'string' && { 'impersonate-user': impersonated }),
    },
    tls,
  };
}

/** Inline as base64, or the content of a file, read each time. */
async function pem(part: Part | undefined, name: string): Promise<string | undefined> {
  const { [`${name}-data`]: inline, [name]: file } = part?.fields ?? {};
  if (typeof inline === 'string') return Buffer.from(inline, 'base64').toString();
  return typeof file === 'string' ? readFile(path.resolve(part!.folder, file), 'utf8') : undefined;
}

async function tokenOf(user: Part | undefined): Promise<string | undefined> {
  const { token, tokenFile } = user?.fields ?? {};
  if (typeof tokenFile === 'string') return (await readFile(path.resolve(user!.folder, tokenFile), 'utf8')).trim();
  return typeof token === 'string' ? token : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}
