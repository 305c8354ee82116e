import type { Account } from './account.ts';
import type { Bucket } from './bucket.ts';

/** at, sequence, forgetAt, since, day, week, month, cost, then level, rate and the first pair of `lows` of both buckets. */
const COLUMNS = 16;
const REQUESTS = 8;
const TOKENS = 12;
const NO_PERIODS = -1;
const ROWS_PER_PAGE = 4_096;

/**
 * Accounts by name, as numbers in pages: 128 bytes each beside the map's entry, where objects would take five times that. Most
 * have one low a bucket; the others' further ones are kept aside until they leak.
 *
 * Its bound is the names seen within the time that accounts are kept: each `reclaim` looks at two and forgets those whose time is
 * over, so a table grows only while names come faster than that.
 */
export class AccountTable {
  private readonly rows = new Map<string, number>();
  private readonly pages: Float64Array[] = [];
  private readonly furtherLows = new Map<number, [requests: number[], tokens: number[]]>();
  private readonly free: number[] = [];
  private hand: MapIterator<[string, number]> | undefined;

  get size(): number {
    return this.rows.size;
  }

  /** The row of an account that is not forgotten. */
  find(name: string, now: number): number | undefined {
    const row = this.rows.get(name);
    return row === undefined || this.forgetAt(row) <= now ? undefined : row;
  }

  load(row: number): Account {
    const page = this.page(row);
    const at = column(row);
    const since = page[at + 3]!;
    const further = this.furtherLows.get(row);
    return {
      at: page[at]!,
      sequence: page[at + 1]!,
      requests: bucketAt(page, at + REQUESTS, further?.[0]),
      tokens: bucketAt(page, at + TOKENS, further?.[1]),
      periods:
        since === NO_PERIODS
          ? undefined
          : {
              since,
              dayRequests: page[at + 4]!,
              weekTokens: page[at + 5]!,
              monthTokens: page[at + 6]!,
              monthCostMicros: page[at + 7]!,
            },
    };
  }

  /** Answers the row it is in. */
  save(name: string, account: Account, forgetAt: number): number {
    let row = this.rows.get(name);
    if (row === undefined) this.rows.set(name, (row = this.newRow()));
    this.saveRow(row, account, forgetAt);
    return row;
  }

  saveRow(row: number, account: Account, forgetAt: number): void {
    const page = this.page(row);
    const at = column(row);
    const { requests, tokens, periods } = account;
    page[at] = account.at;
    page[at + 1] = account.sequence;
    page[at + 2] = forgetAt;
    page[at + 3] = periods?.since ?? NO_PERIODS;
    page[at + 4] = periods?.dayRequests ?? 0;
    page[at + 5] = periods?.weekTokens ?? 0;
    page[at + 6] = periods?.monthTokens ?? 0;
    page[at + 7] = periods?.monthCostMicros ?? 0;
    saveBucket(page, at + REQUESTS, requests);
    saveBucket(page, at + TOKENS, tokens);
    if (requests.lows.length > 2 || tokens.lows.length > 2) {
      this.furtherLows.set(row, [requests.lows, tokens.lows]);
    } else if (this.furtherLows.size > 0) {
      this.furtherLows.delete(row);
    }
  }

  /** Looks at the next two accounts and forgets those whose time is over; tells which rows are free now. */
  reclaim(now: number, forgotten: (row: number) => void): void {
    for (let i = 0; i < 2; i += 1) {
      this.hand ??= this.rows.entries();
      const next = this.hand.next();
      if (next.done) {
        this.hand = undefined;
        return;
      }
      const [name, row] = next.value;
      if (this.forgetAt(row) > now) continue;
      this.rows.delete(name);
      this.furtherLows.delete(row);
      this.free.push(row);
      forgotten(row);
    }
  }

  private forgetAt(row: number): number {
    return this.page(row)[column(row) + 2]!;
  }

  private page(row: number): Float64Array {
    return this.pages[Math.floor(row / ROWS_PER_PAGE)]!;
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

function column(row: number): number {
  return (row % ROWS_PER_PAGE) * COLUMNS;
}

function bucketAt(page: Float64Array, at: number, lows: number[] | undefined): Bucket {
  return { level: page[at]!, rate: page[at + 1]!, lows: lows ?? [page[at + 2]!, page[at + 3]!] };
}

function saveBucket(page: Float64Array, at: number, { level, rate, lows }: Bucket): void {
  page[at] = level;
  page[at + 1] = rate;
  page[at + 2] = lows[0]!;
  page[at + 3] = lows[1]!;
}
