import { FlotillaError, type Clock } from '@flotilla/kernel';
import { createHmac, hash } from 'node:crypto';
import type { Identity } from './identity.ts';
import type { KeyRecord, KeyStore } from './key-store.ts';
import { refuseDisabled } from './members.ts';
import type { Plans } from './plans.ts';
import { Remembered } from './remembered.ts';

export interface ApiKeysOptions {
  store: KeyStore;
  clock: Clock;
  plans: Plans;
  pepper: string | undefined;
  /** Entries of the cache at most. */
  cacheSize: number;
}

/** Keys whose hash is kept; then all are forgotten. */
const digestsKept = 1_000;

interface Known {
  readonly record: KeyRecord;
  identity: Identity;
  /** Of the plans that the identity's is one of. */
  version: number;
}

/** Recognises API keys. Answers at once for a key it remembers. */
export class ApiKeys {
  readonly #remembered: Remembered<Known>;
  /** Hashes of keys seen lately: hashing costs as much as checking a whole body. */
  readonly #digests = new Map<string, string>();

  constructor(private readonly options: ApiKeysOptions) {
    const { clock, cacheSize: size } = options;
    this.#remembered = new Remembered({ clock, size, unavailable: 'API keys cannot be checked right now.' });
  }

  hash(key: string): string {
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const { pepper } = this.options;
    const digest =
      pepper === undefined ? hash('sha256', key, 'hex') : createHmac('sha256', pepper).update(key).digest('hex');
    if (this.#digests.size >= digestsKept) this.#digests.clear();
    this.#digests.set(key, digest);
    return digest;
  }

  /**
   * The identity of a key; synchronous when it is remembered. Throws (or rejects with) `invalid_api_key`, or `unavailable`
   * when the key is not remembered and the store is down.
   */
  verify(key: string | undefined): Identity | Promise<Identity> {
    if (key === undefined) throw new FlotillaError('invalid_api_key');
    const digest = this.hash(key);
    const known = this.#remembered.get(digest, () => this.#find(() => this.options.store.find(digest)));
    return known instanceof Promise ? known.then((found) => this.#bearer(found)) : this.#bearer(known);
  }

  /** The identity of a key that proved itself by a signature. */
  verifyId(keyId: string): Identity | Promise<Identity> {
    const known = this.#remembered.get(`id:${keyId}`, () => this.#find(() => this.options.store.findById(keyId)));
    return known instanceof Promise ? known.then((found) => this.#admit(found)) : this.#admit(known);
  }

  /** With an empty id: every key of the organisation; with neither: all. */
  forget(keyId: string, orgId = ''): void {
    this.#remembered.forget(
      ({ record }) => (keyId === '' || record.id === keyId) && (orgId === '' || record.orgId === orgId),
    );
  }

  async #find(ask: () => Promise<KeyRecord | undefined>): Promise<Known | undefined> {
    const record = await ask();
    return record && { record, identity: this.#identity(record), version: this.options.plans.version };
  }

  #bearer(known: Known | undefined): Identity {
    if (known?.record.requireSignature) {
      throw new FlotillaError(
        'invalid_api_key',
        'This API key is taken with a signed request only. See the guide on identity.',
      );
    }
    return this.#admit(known);
  }

  #admit(known: Known | undefined): Identity {
    if (!known) throw new FlotillaError('invalid_api_key', 'This API key is not valid.');
    const { revokedAt, expiresAt } = known.record;
    if (revokedAt !== undefined) throw new FlotillaError('invalid_api_key', 'This API key was revoked.');
    if (expiresAt !== undefined && this.options.clock.now() >= expiresAt) {
      throw new FlotillaError('invalid_api_key', 'This API key has expired.');
    }
    refuseDisabled(known.record);
    const { version } = this.options.plans;
    if (known.version !== version) {
      known.identity = this.#identity(known.record);
      known.version = version;
    }
    return known.identity;
  }

  #identity(record: KeyRecord): Identity {
    const { orgId, userId, id, tier, scopes, models } = record;
    return { orgId, userId, keyId: id, tier, scopes, models, plan: this.options.plans.plan(record, record) };
  }
}
