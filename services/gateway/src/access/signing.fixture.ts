import { hash } from 'node:crypto';
import { signatureOf } from './request-signing.ts';

interface ToSign {
  keyId: string;
  /** The signing secret of the key. */
  secret: string;
  method: string;
  url: string;
  /** Milliseconds since 1970. */
  now: number;
  nonce: string;
  body?: string;
}

/** The headers of a signed request, made as a client makes them. */
export function signedHeaders({ keyId, secret, method, url, now, nonce, body = '' }: ToSign): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000));
  const contentSha256 = hash('sha256', body, 'hex');
  return {
    'x-flotilla-key-id': keyId,
    'x-flotilla-timestamp': timestamp,
    'x-flotilla-nonce': nonce,
    'x-flotilla-content-sha256': contentSha256,
    'x-flotilla-signature': signatureOf(secret, { method, url, timestamp, nonce, contentSha256 }),
  };
}
