import type { Queryable } from '@flotilla/database';
import { FlotillaError, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('gateway.signing');

/** Milliseconds a nonce is remembered: its timestamp is taken for half as long on either side. */
export const nonceLifetimeMs = 600_000;
/** About 150 bytes each. */
const mostRemembered = 100_000;
const sweepMs = 60_000;

/** Nonces that all replicas see. */
export interface NonceStore {
  /** False: it was there before. */
  add(keyId: string, nonce: string, expiresAt: number): Promise<boolean>;
  /** Forgets what has expired. */
  sweep(now: number): Promise<void>;
}

export function databaseNonceStore(database: Queryable): NonceStore {
  return {
    async add(keyId, nonce, expiresAt) {
      const rows = await database.query(
        `INSERT INTO gateway.request_nonces (key_id, nonce, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING RETURNING 1`,
        [keyId, nonce, new Date(expiresAt)],
      );
      return rows.length > 0;
    },
    async sweep(now) {
      await database.query('DELETE FROM gateway.request_nonces WHERE expires_at < $1', [new Date(now)]);
    },
  };
}

/**
 * Tells a nonce that was used: by this replica from memory, by others from the store. Without the store it goes on alone
 * while its memory reaches back far enough, and refuses (`unavailable`) when a replay could slip through it.
 */
export class Nonces {
  /** Oldest first: name → expiry. */
  readonly #seen = new Map<string, number>();
  /** Until then something may be replayed that memory had no room for. */
  #blindUntil = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly store: NonceStore | undefined,
    private readonly clock: Clock,
    private readonly most = mostRemembered,
  ) {}

  start(): void {
    this.#timer = this.clock.every(sweepMs, () => {
      this.store?.sweep(this.clock.now()).catch((error: unknown) => {
        log.debug('old nonces were not swept', { code: toFlotillaError(error).code });
      });
    });
  }

  /** Throws `invalid_api_key` for one that was used before. */
  async use(keyId: string, nonce: string): Promise<void> {
    const now = this.clock.now();
    const name = `${keyId} ${nonce}`;
    if ((this.#seen.get(name) ?? 0) > now) throw replayed();
    const reachesBack = now >= this.#blindUntil;
    this.#remember(name, now + nonceLifetimeMs, now);
    const first = await this.#firstOfAll(keyId, nonce, now + nonceLifetimeMs, reachesBack);
    if (!first) throw replayed();
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #firstOfAll(keyId: string, nonce: string, expiresAt: number, reachesBack: boolean): Promise<boolean> {
    try {
      return (await this.store?.add(keyId, nonce, expiresAt)) ?? true;
    } catch (cause) {
      if (!reachesBack)
        throw new FlotillaError('unavailable', 'Signed requests cannot be checked right now.', { cause });
      log.warn('a signed request was checked against replays on this replica only', {
        code: toFlotillaError(cause).code,
      });
      return true;
    }
  }

  #remember(name: string, expiresAt: number, now: number): void {
    this.#seen.delete(name);
    this.#seen.set(name, expiresAt);
    for (const [oldest, until] of this.#seen) {
      if (until > now && this.#seen.size <= this.most) break;
      this.#seen.delete(oldest);
      this.#blindUntil = Math.max(this.#blindUntil, until);
    }
  }
}

function replayed(): FlotillaError {
  return new FlotillaError(
    'invalid_api_key',
    'This signed request was sent before. Sign each with a nonce of its own.',
  );
}
