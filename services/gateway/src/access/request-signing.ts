import { FlotillaError, type Clock } from '@flotilla/kernel';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKeys } from './api-keys.ts';
import type { Identity } from './identity.ts';
import { nonceLifetimeMs, type Nonces } from './nonces.ts';
import type { SigningSecrets } from './signing-secrets.ts';

const digestHeader = 'x-flotilla-content-sha256';
const signatureHeader = 'x-flotilla-signature';

/** Milliseconds a timestamp may differ from our clock. */
const toleranceMs = nonceLifetimeMs / 2;

const patterns = {
  'x-flotilla-key-id': /^[A-Za-z0-9._-]{1,128}$/,
  'x-flotilla-timestamp': /^\d{1,12}$/,
  'x-flotilla-nonce': /^[\x21-\x7e]{16,128}$/,
  [digestHeader]: /^[0-9a-f]{64}$/,
  [signatureHeader]: /^[0-9a-f]{64}$/,
} as const;

export interface SignedParts {
  readonly method: string;
  /** Path and query, as they stand in the request line. */
  readonly url: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly contentSha256: string;
}

/** What both sides compute. `secret` is the key's signing secret. */
export function signatureOf(secret: string, { method, url, timestamp, nonce, contentSha256 }: SignedParts): string {
  return createHmac('sha256', secret).update([method, url, timestamp, nonce, contentSha256].join('\n')).digest('hex');
}

export function isSigned(headers: IncomingHttpHeaders): boolean {
  return headers[signatureHeader] !== undefined;
}

/** What the body of a signed request must hash to; undefined for a request that is not signed. */
export function signedDigest(headers: IncomingHttpHeaders): string | undefined {
  return isSigned(headers) ? (headers[digestHeader] as string) : undefined;
}

/** Recognises requests that are signed with the signing secret of a key. */
export class SignedRequests {
  constructor(
    private readonly keys: ApiKeys,
    private readonly nonces: Nonces,
    private readonly secrets: SigningSecrets | undefined,
    private readonly clock: Clock,
  ) {}

  /** Throws `invalid_api_key` that says what is wrong. The body is not here yet: its digest is checked when it is. */
  async verify(method: string, url: string, headers: IncomingHttpHeaders): Promise<Identity> {
    if (!this.secrets)
      throw new FlotillaError(
        'invalid_api_key',
        'Signed requests are off here. Send the key as "Authorization: Bearer <key>".',
      );
    const keyId = need(headers, 'x-flotilla-key-id');
    const timestamp = need(headers, 'x-flotilla-timestamp');
    const nonce = need(headers, 'x-flotilla-nonce');
    const contentSha256 = need(headers, digestHeader);
    const given = need(headers, signatureHeader);
    if (Math.abs(this.clock.now() - Number(timestamp) * 1_000) > toleranceMs) {
      throw new FlotillaError(
        'invalid_api_key',
        'x-flotilla-timestamp is too far from the time here. Set the clock, and sign each try anew.',
      );
    }
    const expected = signatureOf(this.secrets.of(keyId), { method, url, timestamp, nonce, contentSha256 });
    if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given))) {
      throw new FlotillaError('invalid_api_key', 'x-flotilla-signature does not match this request.');
    }
    const identity = await this.keys.verifyId(keyId);
    await this.nonces.use(keyId, nonce);
    return identity;
  }
}

function need(headers: IncomingHttpHeaders, name: keyof typeof patterns): string {
  const value = headers[name];
  if (typeof value === 'string' && patterns[name].test(value)) return value;
  throw new FlotillaError(
    'invalid_api_key',
    `The header ${name} of this signed request is missing or not as it should be.`,
  );
}
