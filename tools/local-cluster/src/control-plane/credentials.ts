import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { kubeconfigText } from './kubeconfig.ts';

/**
 * Who may do everything. The parts of the control plane have their names for what they write to be told apart; the agent
 * stands for every kubelet at once.
 */
const users = {
  admin: 'local-admin',
  agent: 'local-agent',
  kwok: 'local-nodes',
  'controller-manager': 'system:kube-controller-manager',
  scheduler: 'system:kube-scheduler',
} as const;

export type Identity = keyof typeof users;

export interface Credentials {
  /** What the API server reads: who has which token. */
  readonly tokenFile: string;
  /** Keys that sign and check the tokens of service accounts. */
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  /** The folder where the API server makes its certificate, which it keeps over restarts. */
  readonly certificates: string;
  /** The API server's certificate with its authority. There once it started, as is its key. */
  readonly caFile: string;
  readonly apiServerKey: string;
  kubeconfig(identity: Identity): string;
  /** A token of the identity, for calls without a kubeconfig. */
  token(identity: Identity): string;
}

/** New keys and tokens in a folder that only this user may read. */
export function createCredentials(folder: string, apiUrl: string): Credentials {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const inFolder = (name: string) => path.join(folder, name);
  const save = (name: string, text: string) => {
    writeFileSync(inFolder(name), text, { mode: 0o600 });
    return inFolder(name);
  };
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const certificates = inFolder('certificates');
  const caFile = path.join(certificates, 'apiserver.crt');
  const names = Object.keys(users) as Identity[];
  const tokens = new Map(names.map((name) => [name, randomBytes(24).toString('base64url')]));
  const token = (identity: Identity) => tokens.get(identity)!;
  const tokenLines = names.map((name) => `${token(name)},${users[name]},${name},"system:masters"\n`);
  for (const name of names)
    save(`${name}.kubeconfig`, kubeconfigText({ apiUrl, caFile, user: { token: token(name) } }));
  return {
    tokenFile: save('tokens.csv', tokenLines.join('')),
    serviceAccountKey: save('service-account.key', privateKey),
    serviceAccountPublicKey: save('service-account.pub', publicKey),
    certificates,
    caFile,
    apiServerKey: path.join(certificates, 'apiserver.key'),
    kubeconfig: (identity) => inFolder(`${identity}.kubeconfig`),
    token,
  };
}
