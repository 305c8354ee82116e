import { FlotillaError, toFlotillaError, type Clock } from '@flotilla/kernel';
import { counter, logger } from '@flotilla/telemetry';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';
import { request } from 'undici';

const log = logger('gateway.jwks');
const fetches = counter({
  name: 'flotilla_gateway_jwks_fetches_total',
  description: 'Fetches of key sets of token issuers, by outcome',
  unit: '{fetch}',
});

/** An unknown key id asks for the set again, but not more often than this: a token costs nothing to invent. */
const cooldownMs = 10_000;
/** A key that was taken out of its set is refused after this at the latest. */
const refreshMs = 300_000;
const timeoutMs = 3_000;
/** Characters; a set of 100 RSA keys is about 60,000. */
const largest = 256 * 1024;

/** The keys of one issuer, by URL. The last good set stays while the URL is down. */
export class RemoteKeySet {
  #find: ReturnType<typeof createLocalJWKSet> | undefined;
  #triedAt = -Infinity;
  #fetchedAt = -Infinity;
  #fetching: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly clock: Clock,
  ) {}

  /** The key that a token names. Throws jose's `JWKSNoMatchingKey`, or `unavailable` when no set was ever had. */
  async key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (!this.#find) await this.#refresh();
    else if (this.#age() >= refreshMs) void this.#refresh();
    if (!this.#find)
      throw new FlotillaError('unavailable', 'The keys of the issuer of this token cannot be had right now.');
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh();
      return this.#find(header, token);
    }
  }

  #age(): number {
    return this.clock.monotonic() - this.#fetchedAt;
  }

  #refresh(): Promise<void> {
    if (this.#fetching) return this.#fetching;
    const now = this.clock.monotonic();
    if (now - this.#triedAt < cooldownMs) return Promise.resolve();
    this.#triedAt = now;
    this.#fetching = this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    try {
      this.#find = createLocalJWKSet(await fetchKeySet(this.url));
      this.#fetchedAt = this.clock.monotonic();
      fetches.add(1, { outcome: 'fetched' });
    } catch (error) {
      fetches.add(1, { outcome: 'failed' });
      const { host } = new URL(this.url);
      log.warn('the keys of a token issuer could not be fetched', { host, code: toFlotillaError(error).code });
    }
  }
}

async function fetchKeySet(url: string): Promise<JSONWebKeySet> {
  const { statusCode, body } = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  let text = '';
  body.setEncoding('utf8');
  for await (const part of body) {
    text += part as string;
    if (text.length > largest) throw new FlotillaError('err_payload_too_large');
  }
  if (statusCode !== 200) throw new FlotillaError('unavailable', `The key set was answered with ${statusCode}.`);
  return JSON.parse(text) as JSONWebKeySet;
}
