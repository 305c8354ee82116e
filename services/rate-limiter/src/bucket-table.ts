import type { Bucket } from './bucket.ts';

/** at, sequence, requests, tokens, fullAt, and the first pair of `lows`. */
const COLUMNS = 7;
const ROWS_PER_PAGE = 4_096;

/**
 * Buckets by key, as numbers in pages: 56 bytes a key beside the map's entry, where objects would take five times that.
 * Most keys have one low; the others' further ones are kept aside until they leak.
 *
 * Its bound is the keys seen within the time their buckets take to leak (a minute, when nobody overused): each `reclaim`
 * looks at two keys and forgets those that are full again, so a table grows only while keys come faster than that.
 */
export class BucketTable {
  private readonly rows = new Map<string, number>();
  private readonly pages: Float64Array[] = [];
  private readonly furtherLows = new Map<number, number[]>();
  private readonly free: number[] = [];
  private hand: MapIterator<[string, number]> | undefined;

  get size(): number {
    return this.rows.size;
  }

  /** Copies the key's bucket into `bucket`; false when there is none. */
  load(keyId: string, bucket: Bucket): boolean {
    const row = this.rows.get(keyId);
    if (row === undefined) return false;
    const page = this.pages[Math.floor(row / ROWS_PER_PAGE)]!;
    const at = (row % ROWS_PER_PAGE) * COLUMNS;
    bucket.at = page[at]!;
    bucket.sequence = page[at + 1]!;
    bucket.requests = page[at + 2]!;
    bucket.tokens = page[at + 3]!;
    bucket.lows = this.furtherLows.get(row) ?? [page[at + 5]!, page[at + 6]!];
    return true;
  }

  save(keyId: string, bucket: Bucket, fullAt: number): void {
    let row = this.rows.get(keyId);
    if (row === undefined) this.rows.set(keyId, (row = this.newRow()));
    const page = this.pages[Math.floor(row / ROWS_PER_PAGE)]!;
    const at = (row % ROWS_PER_PAGE) * COLUMNS;
    page[at] = bucket.at;
    page[at + 1] = bucket.sequence;
    page[at + 2] = bucket.requests;
    page[at + 3] = bucket.tokens;
    page[at + 4] = fullAt;
    page[at + 5] = bucket.lows[0]!;
    page[at + 6] = bucket.lows[1]!;
    if (bucket.lows.length > 2) this.furtherLows.set(row, bucket.lows);
    else this.furtherLows.delete(row);
  }

  /** Looks at the next two keys and forgets those that are full. */
  reclaim(now: number): void {
    for (let i = 0; i < 2; i += 1) {
      this.hand ??= this.rows.entries();
      const next = this.hand.next();
      if (next.done) {
        this.hand = undefined;
        return;
      }
      const [keyId, row] = next.value;
      const fullAt = this.pages[Math.floor(row / ROWS_PER_PAGE)]![(row % ROWS_PER_PAGE) * COLUMNS + 4]!;
      if (fullAt > now) continue;
      this.rows.delete(keyId);
      this.furtherLows.delete(row);
      this.free.push(row);
    }
  }

  private newRow(): number {
    const freed = this.free.pop();
    if (freed !== undefined) return freed;
    // Without freed rows the map holds every row there is.
    const row = this.rows.size;
    if (row % ROWS_PER_PAGE === 0) this.pages.push(new Float64Array(ROWS_PER_PAGE * COLUMNS));
    return row;
  }
}
