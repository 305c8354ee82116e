import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { KeyStore } from './key-store.ts';

const log = logger('gateway.keys');

const flushMs = 60_000;
/** Keys noted between two writes; those beyond are noted when they are used the next time. */
const mostNoted = 50_000;

/** When keys were last used, to the minute: one write for all of them. */
export class KeyUse {
  #used = new Set<string>();
  #timer: Timer | undefined;

  constructor(
    private readonly store: KeyStore,
    private readonly clock: Clock,
  ) {}

  start(): void {
    this.#timer = this.clock.every(flushMs, () => void this.flush());
  }

  note(keyId: string): void {
    if (this.#used.size < mostNoted) this.#used.add(keyId);
  }

  async flush(): Promise<void> {
    if (this.#used.size === 0) return;
    const ids = [...this.#used];
    this.#used = new Set();
    try {
      await this.store.noteUse(ids);
    } catch (error) {
      log.debug('the use of keys was not noted', { keys: ids.length, code: toFlotillaError(error).code });
    }
  }

  close(): void {
    this.#timer?.cancel();
  }
}
