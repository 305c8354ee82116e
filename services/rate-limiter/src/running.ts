/** Requests that run now, by row of the account they count against; each ends by itself when its time is over. */
export class Running {
  private readonly byRow = new Map<number, { holders: Map<string, number>; earliest: number }>();

  count(row: number, now: number): number {
    const set = this.byRow.get(row);
    if (!set) return 0;
    if (set.earliest <= now) {
      set.earliest = Infinity;
      for (const [requestId, until] of set.holders) {
        if (until <= now) set.holders.delete(requestId);
        else set.earliest = Math.min(set.earliest, until);
      }
    }
    return set.holders.size;
  }

  add(row: number, requestId: string, until: number): void {
    let set = this.byRow.get(row);
    if (!set) this.byRow.set(row, (set = { holders: new Map(), earliest: Infinity }));
    set.holders.set(requestId, until);
    set.earliest = Math.min(set.earliest, until);
  }

  end(row: number, requestId: string): void {
    const set = this.byRow.get(row);
    if (set?.holders.delete(requestId) && set.holders.size === 0) this.byRow.delete(row);
  }

  forget(row: number): void {
    this.byRow.delete(row);
  }
}
