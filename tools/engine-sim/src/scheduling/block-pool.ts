/** What a sequence holds of the pool: shared blocks by hash, and blocks of its own that nobody else can find. */
export interface Holding {
  shared: number[];
  own: number;
}

/**
 * The KV cache in blocks, as vLLM keeps it: a block whose tokens are known by hash is shared by reference count, and stays
 * findable after its last user until it is evicted, least recently used first. Bounded by `total`.
 */
export class BlockPool {
  readonly total: number;
  /** Users of each findable block. */
  private readonly users = new Map<number, number>();
  /** Findable blocks without a user, oldest first. */
  private readonly idle = new Map<number, true>();
  private blank: number;

  constructor(total: number) {
    this.total = total;
    this.blank = total;
  }

  /** The share of blocks in use, 0 to 1. Idle cached blocks count as free, as in vLLM. */
  get usage(): number {
    return 1 - (this.blank + this.idle.size) / this.total;
  }

  /** How many of the leading hashes are cached. */
  match(hashes: readonly number[]): number {
    let matched = 0;
    while (matched < hashes.length && this.users.has(hashes[matched]!)) matched += 1;
    return matched;
  }

  /** Takes the first `matched` hashes as shared blocks and `fresh` blocks as own; undefined, and nothing taken, when too few are free. */
  take(hashes: readonly number[], matched: number, fresh: number): Holding | undefined {
    let revived = 0;
    for (let i = 0; i < matched; i += 1) if (this.idle.has(hashes[i]!)) revived += 1;
    if (this.blank + this.idle.size - revived < fresh) return undefined;
    const shared = hashes.slice(0, matched);
    for (const hash of shared) {
      this.idle.delete(hash);
      this.users.set(hash, this.users.get(hash)! + 1);
    }
    for (let i = 0; i < fresh; i += 1) this.takeOne();
    return { shared, own: fresh };
  }

  /** One more block of its own; false when none is free. */
  grow(holding: Holding): boolean {
    if (this.blank + this.idle.size === 0) return false;
    this.takeOne();
    holding.own += 1;
    return true;
  }

  /** Makes own blocks findable: `hashes` are all full blocks of the sequence, of which it already shares the first ones. */
  publish(holding: Holding, hashes: readonly number[]): void {
    for (let i = holding.shared.length; i < hashes.length && holding.own > 0; i += 1) {
      const hash = hashes[i]!;
      const users = this.users.get(hash);
      // Another sequence published the same tokens meanwhile: use its block, give ours back.
      if (users !== undefined) this.blank += 1;
      this.idle.delete(hash);
      this.users.set(hash, (users ?? 0) + 1);
      holding.shared.push(hash);
      holding.own -= 1;
    }
  }

  release(holding: Holding): void {
    this.blank += holding.own;
    // The end of a chain is useless without its beginning: it becomes idle, and is evicted, first.
    for (const hash of holding.shared.toReversed()) {
      const users = this.users.get(hash)! - 1;
      this.users.set(hash, users);
      if (users === 0) this.idle.set(hash, true);
    }
    holding.shared = [];
    holding.own = 0;
  }

  /** Forgets what is cached and unused. */
  reset(): void {
    for (const hash of this.idle.keys()) this.users.delete(hash);
    this.blank += this.idle.size;
    this.idle.clear();
  }

  private takeOne(): void {
    if (this.blank > 0) {
      this.blank -= 1;
      return;
    }
    const oldest = this.idle.keys().next().value!;
    this.idle.delete(oldest);
    this.users.delete(oldest);
  }
}
