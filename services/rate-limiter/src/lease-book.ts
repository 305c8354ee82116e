/** A lease as the memory store remembers it. */
export interface Lease {
  readonly id: string;
  readonly orgId: string;
  /** Names of the accounts it was taken from, and the number of the change there. */
  readonly parties: readonly { name: string; sequence: number }[];
  readonly requests: number;
  readonly tokens: number;
  /** ms since 1970, as the next two. */
  readonly at: number;
  /** When it is closed by what was settled of it, unless it was returned. */
  readonly lapsesAt: number;
  readonly forgetAt: number;
  /** `returned`: what it promised stays charged until it settles. `lapsed`: what settles later is charged in full. */
  state: 'open' | 'returned' | 'lapsed';
  settledRequests: number;
  /** What the lease had promised to the requests that settled. */
  settledTokens: number;
}

/** Lapsed leases that one operation closes at most. */
export const MOST_LAPSED = 8;

/** Leases by organisation and id. */
export class LeaseBook {
  private readonly leases = new Map<string, Lease>();
  private readonly open = new Map<string, { leases: Set<Lease>; earliest: number }>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  find(orgId: string, id: string, now: number): Lease | undefined {
    const lease = this.leases.get(nameOf(orgId, id));
    return lease && lease.forgetAt > now ? lease : undefined;
  }

  add(lease: Lease, now: number): void {
    for (const [name, oldest] of this.leases) {
      if (oldest.forgetAt > now && this.leases.size < this.most) break;
      this.close(oldest, 'lapsed');
      this.leases.delete(name);
    }
    this.leases.set(nameOf(lease.orgId, lease.id), lease);
    let open = this.open.get(lease.orgId);
    if (!open) this.open.set(lease.orgId, (open = { leases: new Set(), earliest: Infinity }));
    open.leases.add(lease);
    open.earliest = Math.min(open.earliest, lease.lapsesAt);
  }

  close(lease: Lease, state: 'returned' | 'lapsed'): void {
    lease.state = state;
    const open = this.open.get(lease.orgId);
    open?.leases.delete(lease);
    if (open?.leases.size === 0) this.open.delete(lease.orgId);
  }

  /** Open ones whose time is over, the first to lapse first. */
  lapsed(orgId: string, now: number): Lease[] {
    const open = this.open.get(orgId);
    // The earliest may have been returned since: then this looks once in vain.
    if (!open || open.earliest > now) return [];
    const due = [...open.leases]
      .filter(({ lapsesAt }) => lapsesAt <= now)
      .sort((a, b) => a.lapsesAt - b.lapsesAt || (a.id < b.id ? -1 : 1));
    const closing = due.slice(0, MOST_LAPSED);
    open.earliest = Infinity;
    for (const lease of open.leases) {
      if (!closing.includes(lease)) open.earliest = Math.min(open.earliest, lease.lapsesAt);
    }
    return closing;
  }
}

function nameOf(orgId: string, id: string): string {
  return `${orgId}\n${id}`;
}
