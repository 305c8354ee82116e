import type { limits } from '@flotilla/contracts';
import { toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { logger } from '@flotilla/telemetry';

export interface LeaseReturnsOptions {
  limiter: Client<limits.LimitsDefinition>;
  clock: Clock;
}

const timeoutMs = 2_000;
const retryMs = 1_000;
/** Returns that may wait for the limiter, about 200 bytes each; the oldest are dropped, and their leases left to expire. */
const mostWaiting = 10_000;

const log = logger('gateway.leases');

/** Tells the limiter what was used of leases, until it has heard: what nobody returns stays charged for a quarter of an hour. */
export class LeaseReturns {
  #waiting: limits.ReturnLeaseRequest[] = [];
  #retry: Timer | undefined;

  constructor(private readonly options: LeaseReturnsOptions) {}

  /** Resolves when the limiter knows, or could not be reached: then it is told later. */
  async send(used: limits.ReturnLeaseRequest): Promise<void> {
    if (!(await this.#tell(used))) this.#keep([used]);
  }

  /** A last try for all that wait. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    await this.#tellAll();
    this.#retry?.cancel();
    if (this.#waiting.length > 0) log.warn('leases were left to expire', { leases: this.#waiting.length });
  }

  async #tell(used: limits.ReturnLeaseRequest): Promise<boolean> {
    try {
      await this.options.limiter.returnLease(used, { timeoutMs });
      return true;
    } catch (error) {
      log.debug('a lease could not be returned yet', { code: toFlotillaError(error).code });
      return false;
    }
  }

  /** One after another, and none after one that fails: a limiter that comes back is not met by all at once. */
  async #tellAll(): Promise<void> {
    this.#retry = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [at, used] of waiting.entries()) {
      if (!(await this.#tell(used))) return this.#keep(waiting.slice(at));
    }
  }

  #keep(returns: readonly limits.ReturnLeaseRequest[]): void {
    this.#waiting.push(...returns);
    if (this.#waiting.length > mostWaiting) this.#waiting.splice(0, this.#waiting.length - mostWaiting);
    this.#retry ??= this.options.clock.after(retryMs, () => void this.#tellAll());
  }
}
