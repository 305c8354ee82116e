import { FlotillaError } from '@flotilla/kernel';
import type { FastifyRequest } from 'fastify';
import { hash } from 'node:crypto';
import type { Identity } from '../access/identity.ts';

const printable = /^[\x20-\x7e]{1,255}$/;

/** The Idempotency-Key of a request; undefined: it has none. Throws `invalid_request` for one that is not acceptable. */
export function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && printable.test(key)) return key;
  const message = "'Idempotency-Key' must have 1 to 255 printable ASCII characters.";
  throw new FlotillaError('invalid_request', message, { details: { param: 'Idempotency-Key' } });
}

/** What is asked: two requests with the same digest ask for the same answer. */
export function digestOf(request: FastifyRequest): string {
  return hash('sha256', `${request.routeOptions.url}\n${JSON.stringify(request.body)}`, 'hex');
}

/**
 * For whom an answer is. Another organisation never gets it; nor does another user of the same one, or a credential that
 * may use other models: it might not have been allowed to ask.
 */
export function audienceOf({ orgId, userId, models }: Identity): string {
  return JSON.stringify([orgId, userId, models ?? null]);
}

/** A name for a key in one audience: fixed in size, and the client's own key is not stored. */
export function nameOf(identity: Identity, key: string): string {
  return hash('sha256', `${audienceOf(identity)}\n${key}`, 'hex');
}
