import { FlotillaError } from '@flotilla/kernel';
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ofNothing = hash('sha256', '', 'hex');

/** What is still to be shown of the body of a signed request. */
interface Signed {
  /** Hexadecimal SHA-256; undefined: nothing was signed, or the body was what was signed. */
  bodyDigest: string | undefined;
}

/** Holds a body that was read against what was signed. */
export function checkSignedBody(request: Signed, body: Buffer): void {
  if (request.bodyDigest === undefined) return;
  if (hash('sha256', body, 'hex') !== request.bodyDigest) {
    throw new FlotillaError('invalid_api_key', 'The body is not the one whose digest was signed.');
  }
  request.bodyDigest = undefined;
}

/** Refuses a body that nobody held against what was signed: only JSON is read as a whole before its handler runs. */
export function refuseUncheckedBody(request: Signed, { headers }: IncomingMessage): void {
  if (request.bodyDigest === undefined) return;
  const empty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  if (empty && request.bodyDigest === ofNothing) return;
  throw new FlotillaError('invalid_api_key', 'A signed request has a JSON body whose digest was signed, or none.');
}
