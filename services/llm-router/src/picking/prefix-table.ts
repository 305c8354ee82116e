/** Entries of one bucket: the new one takes the place of the one that was used longest ago. */
const ways = 8;
/** Engines that one prefix is remembered for; the newest take the place of others. */
const holders = 8;
/** 32-bit cells of a bucket: two of hash, one of age and half a one for each holder, for each entry. */
const stride = ways * (2 + 1 + holders / 2);

/** Engines by number, each with how many blocks of the prompt it holds; reused from call to call. */
export interface Match {
  readonly numbers: Uint16Array;
  readonly blocks: Uint16Array;
  count: number;
}

export const createMatch = (): Match => ({ numbers: new Uint16Array(16), blocks: new Uint16Array(16), count: 0 });

/**
 * Which engines were sent which prefixes: a set-associative cache in one array, with the least recently used entry of a
 * bucket replaced. 2^18 entries in 7.3 MB, whatever comes; with 100,000 kept, fewer than one in a hundred is lost.
 */
export class PrefixTable {
  readonly #cells: Uint32Array;
  readonly #holders: Uint16Array;
  readonly #mask: number;
  readonly #found = new Uint32Array(256);
  #age = 0;

  /** `entries`: a power of two, at least 8. */
  constructor(entries = 2 ** 18) {
    this.#cells = new Uint32Array((entries / ways) * stride);
    this.#holders = new Uint16Array(this.#cells.buffer);
    this.#mask = entries / ways - 1;
  }

  /** Who holds the longest prefixes of the chain, longest first; at most 16. */
  match(hashes: Uint32Array, into: Match): void {
    const found = this.#found;
    const blocks = hashes.length / 2;
    let depth = 0;
    for (; depth < blocks; depth += 1) {
      const entry = this.#find(hashes[2 * depth]!, hashes[2 * depth + 1]!);
      if (entry < 0) break;
      found[depth] = entry;
    }
    into.count = 0;
    for (let at = depth - 1; at >= 0; at -= 1) {
      if (at < depth - 1 && this.#alike(found[at]!, found[at + 1]!)) continue;
      const first = this.#holdersOf(found[at]!);
      for (let slot = 0; slot < holders; slot += 1) {
        const number = this.#holders[first + slot]!;
        if (number === 0 || has(into, number)) continue;
        into.numbers[into.count] = number;
        into.blocks[into.count] = at + 1;
        if ((into.count += 1) === into.numbers.length) return;
      }
    }
  }

  /** The engine was sent all of the chain. `learnt` is told the blocks it was not known to hold. */
  add(hashes: Uint32Array, number: number, learnt?: (a: number, b: number) => void): void {
    this.#age = (this.#age + 1) >>> 0;
    for (let at = 0; at < hashes.length; at += 2) {
      const [a, b] = [hashes[at]!, hashes[at + 1]!];
      const entry = this.#findOrReplace(a, b);
      this.#cells[entry + 2 * ways] = this.#age;
      if (this.#hold(this.#holdersOf(entry), number)) learnt?.(a, b);
    }
  }

  clear(): void {
    this.#cells.fill(0);
  }

  #find(a: number, b: number): number {
    const cells = this.#cells;
    const bucket = (a & this.#mask) * stride;
    for (let at = bucket; at < bucket + ways; at += 1) if (cells[at] === a && cells[at + ways] === b) return at;
    return -1;
  }

  #findOrReplace(a: number, b: number): number {
    const known = this.#find(a, b);
    if (known >= 0) return known;
    const cells = this.#cells;
    const bucket = (a & this.#mask) * stride;
    let oldest = bucket;
    for (let at = bucket + 1; at < bucket + ways; at += 1) {
      // An age of nought: never used. The others by how long ago, also when the count has gone round.
      if (this.#since(at) > this.#since(oldest)) oldest = at;
    }
    cells[oldest] = a;
    cells[oldest + ways] = b;
    const first = this.#holdersOf(oldest);
    this.#holders.fill(0, first, first + holders);
    return oldest;
  }

  #since(entry: number): number {
    const age = this.#cells[entry + 2 * ways]!;
    return age === 0 ? Infinity : (this.#age - age) >>> 0;
  }

  /** Where the holders of an entry begin, in cells of 16 bits. */
  #holdersOf(entry: number): number {
    const way = entry % stride;
    return 2 * (entry - way + 3 * ways) + way * holders;
  }

  #alike(one: number, other: number): boolean {
    const [a, b] = [this.#holdersOf(one) / 2, this.#holdersOf(other) / 2];
    for (let i = 0; i < holders / 2; i += 1) if (this.#cells[a + i] !== this.#cells[b + i]) return false;
    return true;
  }

  #hold(first: number, number: number): boolean {
    let free = first + (this.#age % holders);
    for (let at = first + holders - 1; at >= first; at -= 1) {
      const held = this.#holders[at]!;
      if (held === number) return false;
      if (held === 0) free = at;
    }
    this.#holders[free] = number;
    return true;
  }
}

function has({ numbers, count }: Match, number: number): boolean {
  for (let i = 0; i < count; i += 1) if (numbers[i] === number) return true;
  return false;
}
