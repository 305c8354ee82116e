import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { KeyStore } from './key-store.ts';
import type { Plans } from './plans.ts';

const log = logger('gateway.tiers');

/** Bounds the time a lost event is felt. */
const refreshMs = 30_000;

/** Keeps the plans at the database's tiers; while it is away, at those it had. */
export class LiveTiers {
  #timer: Timer | undefined;
  #latest = 0;
  #seen = '[]';

  constructor(
    private readonly store: KeyStore,
    private readonly plans: Plans,
    private readonly clock: Clock,
  ) {}

  async start(): Promise<void> {
    this.#timer = this.clock.every(refreshMs, () => void this.refresh());
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const mine = (this.#latest += 1);
    try {
      const tiers = await this.store.tiers();
      const text = JSON.stringify([...tiers]);
      // An answer that another overtook is older; the same tiers leave every plan as it is.
      if (mine !== this.#latest || text === this.#seen) return;
      this.#seen = text;
      this.plans.override(tiers);
    } catch (error) {
      log.warn('the tiers of the database could not be read', { code: toFlotillaError(error).code });
    }
  }

  close(): void {
    this.#timer?.cancel();
  }
}
