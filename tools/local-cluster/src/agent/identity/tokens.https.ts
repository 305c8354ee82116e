import { request } from 'node:https';
import type { IssueToken } from './tokens.ts';

/** How the agent itself reaches the API server. */
export interface ClusterAccess {
  /** `https://127.0.0.1:<port>`. */
  url: string;
  /** The authority of its certificate, PEM. */
  ca: string;
  token: string;
}

interface Answer {
  status: { token: string; expirationTimestamp: string };
}

const deadlineMs = 10_000;

/** TokenRequest of the API server. */
export function createTokenIssuer({ url, ca, token }: ClusterAccess): IssueToken {
  return async ({ namespace, serviceAccount, pod, audience, lifetimeSeconds }, signal) => {
    const address = new URL(`/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`, url);
    const text = await post(
      address,
      { ca, token, signal },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === undefined ? [] : [audience],
          expirationSeconds: lifetimeSeconds,
          ...(pod && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
        },
      },
    );
    const { status } = JSON.parse(text) as Answer;
    return { token: status.token, expiresAt: Date.parse(status.expirationTimestamp) };
  };
}

interface PostOptions {
  ca: string;
  token: string;
  signal: AbortSignal;
}

function post(address: URL, { ca, token, signal }: PostOptions, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      address,
      {
        method: 'POST',
        ca,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 201) resolve(text);
          else reject(new Error(`the API server issues no token (${response.statusCode}): ${text.slice(0, 300)}`));
        });
      },
    );
    call.once('error', reject);
    call.end(JSON.stringify(body));
  });
}
