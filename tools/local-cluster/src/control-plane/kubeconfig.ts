import { stringify } from 'yaml';

export interface Login {
  /** `https://127.0.0.1:…` */
  apiUrl: string;
  /** The file with the certificate authority of the API server. */
  caFile: string;
  /** The token itself, or the file that holds it and is read again when it changes. */
  user: { token: string } | { tokenFile: string };
  namespace?: string;
}

/** The text of a kubeconfig that kubectl, helm and client libraries read. */
export function kubeconfigText({ apiUrl, caFile, user, namespace = 'default' }: Login): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server: apiUrl, 'certificate-authority': caFile } }],
    users: [{ name: 'local', user }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'local', namespace } }],
    'current-context': 'local',
  });
}
