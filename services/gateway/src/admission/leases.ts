import type { limits } from '@flotilla/contracts';
import { LeasePool, type Leased, type LeaseOptions } from './lease-pool.ts';
import { LeaseReturns } from './lease-returns.ts';

/** Sets of subjects that hold leases at most, about 1 KiB each; further ones are decided by the limiter. */
const mostPools = 10_000;

/** What this gateway took in advance from the limiter, for each set of subjects its own. */
export class Leases {
  readonly #pools = new Map<string, LeasePool>();
  /** The key of a plan's subjects; null: they cannot be leased. */
  readonly #keys = new WeakMap<readonly limits.Subject[], string | null>();
  readonly #options: LeaseOptions;
  #closed = false;

  constructor(options: Omit<LeaseOptions, 'returns'>) {
    this.#options = { ...options, returns: new LeaseReturns(options) };
  }

  /** Takes one request and its tokens, at once; undefined: the limiter has to decide. */
  take(orgId: string, subjects: readonly limits.Subject[], tokens: number): Leased | undefined {
    const key = this.#keyOf(subjects);
    if (key === null || this.#closed) return undefined;
    return this.#poolOf(key, orgId, subjects)?.take(tokens);
  }

  /** A request that was admitted did not begin. */
  giveBack(subjects: readonly limits.Subject[], leaseId: string, tokens: number): void {
    const key = this.#keyOf(subjects);
    if (key !== null) this.#pools.get(key)?.giveBack(leaseId, tokens);
  }

  /** Returns every lease and takes none again. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
    await this.#options.returns.close();
  }

  #poolOf(key: string, orgId: string, subjects: readonly limits.Subject[]): LeasePool | undefined {
    const known = this.#pools.get(key);
    if (known) return known;
    if (this.#pools.size >= mostPools) return undefined;
    const pool = new LeasePool(orgId, subjects, this.#options, () => this.#pools.delete(key));
    this.#pools.set(key, pool);
    return pool;
  }

  #keyOf(subjects: readonly limits.Subject[]): string | null {
    let key = this.#keys.get(subjects);
    if (key === undefined) {
      key = subjects.every(leasable) ? JSON.stringify(subjects) : null;
      this.#keys.set(subjects, key);
    }
    return key;
  }
}

/** What runs at once, and what a request will cost, only the limiter can count. */
function leasable({ concurrentRequests, budgetMicrosPerMonth }: limits.Subject): boolean {
  return !(concurrentRequests > 0) && !(budgetMicrosPerMonth > 0);
}
