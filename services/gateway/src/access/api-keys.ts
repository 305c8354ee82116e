import type { Clock } from '@flotilla/kernel';
import { FlotillaError } from '@flotilla/kernel';
import { createHmac, hash } from 'node:crypto';
import { KeyCache } from './key-cache.ts';
import type { KeyRecord, KeyStore } from './key-store.ts';

/** Who a key speaks for: a Caller without its request. */
export interface Identity {
  readonly orgId: string;
  readonly userId: string;
  readonly keyId: string;
  readonly tier: string;
}

export interface ApiKeysOptions {
  store: KeyStore;
  clock: Clock;
  pepper: string | undefined;
  /** Entries of the cache at most. */
  cacheSize: number;
}

/** An event invalidates at once; these bound the time when the event is lost. */
const lifetimes = { foundMs: 30_000, absentMs: 5_000, graceMs: 600_000 };

/** Keys whose hash is kept; then all are forgotten. */
const digestsKept = 1_000;

/** Milliseconds the store may take for one key. */
const findTimeoutMs = 2_000;

/** Recognises API keys. Answers at once for a key it remembers. */
export class ApiKeys {
  readonly #cache: KeyCache<{ record: KeyRecord; identity: Identity }>;
  /** One question to the store for each hash, however many ask. */
  readonly #asking = new Map<string, Promise<Identity>>();
  /** Hashes of keys seen lately: hashing costs as much as checking a whole body. */
  readonly #digests = new Map<string, string>();
  #generation = 0;

  constructor(private readonly options: ApiKeysOptions) {
    this.#cache = new KeyCache(options.cacheSize, lifetimes);
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
   * when the key is not remembered and the store is down: "I cannot know" is not "no".
   */
  verify(key: string | undefined): Identity | Promise<Identity> {
    if (key === undefined) throw new FlotillaError('invalid_api_key');
    const digest = this.hash(key);
    const cached = this.#cache.get(digest, this.options.clock.monotonic());
    if (cached?.state === 'fresh') return this.#admit(cached.value);
    let asking = this.#asking.get(digest);
    if (!asking) {
      asking = this.#ask(digest, cached?.value).finally(() => this.#asking.delete(digest));
      this.#asking.set(digest, asking);
    }
    return asking;
  }

  forget(keyId: string): void {
    this.#generation += 1;
    this.#cache.forget(({ record }) => record.id === keyId);
  }

  async #ask(digest: string, stale: { record: KeyRecord; identity: Identity } | undefined): Promise<Identity> {
    const generation = this.#generation;
    let record: KeyRecord | undefined;
    try {
      record = await this.#find(digest);
    } catch (cause) {
      if (stale) return this.#admit(stale);
      throw new FlotillaError('unavailable', 'API keys cannot be checked right now.', { cause });
    }
    const found = record && { record, identity: identityOf(record) };
    // A change announced while the question was under way may not be in its answer.
    if (generation === this.#generation) this.#cache.set(digest, found, this.options.clock.monotonic());
    return this.#admit(found);
  }

  /** A store that hangs is a store that is down. */
  #find(digest: string): Promise<KeyRecord | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.options.clock.after(findTimeoutMs, () => reject(new FlotillaError('deadline_exceeded')));
      this.options.store
        .find(digest)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #admit(found: { record: KeyRecord; identity: Identity } | undefined): Identity {
    if (!found) throw new FlotillaError('invalid_api_key', 'This API key is not valid.');
    const { revokedAt, expiresAt } = found.record;
    if (revokedAt !== undefined) throw new FlotillaError('invalid_api_key', 'This API key was revoked.');
    if (expiresAt !== undefined && this.options.clock.now() >= expiresAt) {
      throw new FlotillaError('invalid_api_key', 'This API key has expired.');
    }
    return found.identity;
  }
}

function identityOf({ orgId, userId, id, tier }: KeyRecord): Identity {
  return { orgId, userId, keyId: id, tier };
}
