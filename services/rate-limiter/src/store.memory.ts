import type { Clock } from '@flotilla/kernel';
import {
  advance,
  charge,
  emptyAccount,
  forgetAt,
  hasPeriodLimit,
  nothing,
  replace,
  setLimits,
  take,
  type Account,
  type Amounts,
} from './account.ts';
import { AccountTable } from './account-table.ts';
import { windowsOf, type Windows } from './calendar.ts';
import { amountsOf, leasable, outputOf, refusalOf, statesOf, type Party } from './decision.ts';
import { LeaseBook, type Lease } from './lease-book.ts';
import type {
  Decision,
  LeaseGrant,
  LeaseOrder,
  LeaseReturn,
  LimitStore,
  Reservation,
  Seeds,
  Settlement,
  Subject,
  Unseeded,
} from './limit-store.ts';
import { Remembered } from './remembered.ts';
import { Running } from './running.ts';

interface Reserved {
  readonly grantedOutputTokens: number;
  /** Absent: it was settled. */
  readonly taken: { readonly at: number; readonly amounts: Amounts; readonly rows: readonly number[] } | undefined;
  /** ms since 1970. */
  readonly expiresAt: number;
}

interface OpenParty extends Party {
  readonly name: string;
  running: number;
}

export interface MemoryLimitStoreOptions {
  clock: Clock;
  /** Milliseconds a reservation, and then the mark that it was settled, are remembered. */
  reservationTtlMs: number;
  /** Above it the oldest are forgotten and stay charged as reserved. */
  maxReservations: number;
}

/** Accounts in this process: for one replica, and for tests. Forgotten at a restart, but for what the ledger has. */
export class MemoryLimitStore implements LimitStore {
  private readonly table = new AccountTable();
  private readonly running = new Running();
  private readonly leases: LeaseBook;
  private readonly remembered: Remembered<Reserved>;
  private readonly options: MemoryLimitStoreOptions;
  private windows: Windows = windowsOf(0);
  private now = 0;

  constructor(options: MemoryLimitStoreOptions) {
    this.options = options;
    this.leases = new LeaseBook(options.maxReservations);
    this.remembered = new Remembered(options.maxReservations);
  }

  /** How many accounts and reservations are held now. */
  get size(): { accounts: number; reservations: number } {
    return { accounts: this.table.size, reservations: this.remembered.size };
  }

  async reserve(reservation: Reservation): Promise<Decision | Unseeded> {
    const { orgId, requestId, subjects, seeds } = reservation;
    this.tick(orgId);
    const parties = this.open(orgId, subjects, seeds);
    if (!parties) return { kind: 'unseeded' };
    const name = nameOf(orgId, requestId);
    const first = this.remembered.find(name, this.now);
    const output = first?.grantedOutputTokens ?? outputOf(reservation, parties);
    const amounts = amountsOf(reservation, output);
    const refusal = first ? undefined : refusalOf(amounts, parties, this.windows);
    if (first || refusal) {
      if (seeds) for (const party of parties) this.save(party);
      return this.decision(parties, refusal ? 0 : output, refusal);
    }
    const rows: number[] = [];
    for (const party of parties) {
      take(party.account, amounts);
      const row = this.save(party);
      rows.push(row, party.account.sequence);
      if (amounts.requests === 0 || party.subject.limits.concurrent_requests === 0) continue;
      this.running.add(row, requestId, this.now + this.holdMs(reservation.holdMs));
      party.running += 1;
    }
    this.remember(name, output, { at: this.now, amounts, rows });
    return this.decision(parties, output, undefined);
  }

  async settle(settlement: Settlement): Promise<boolean> {
    const { orgId, requestId, tokens, costMicros } = settlement;
    this.tick();
    const name = nameOf(orgId, requestId);
    const known = this.remembered.find(name, this.now);
    if (known && !known.taken) return false;
    if (known?.taken) {
      const { at, amounts, rows } = known.taken;
      const used = { requests: amounts.requests, tokens, costMicros };
      for (let i = 0; i < rows.length; i += 2) {
        const [row, sequence] = [rows[i]!, rows[i + 1]!];
        const account = this.load(row);
        replace(account, amounts, used, { at, sequence }, this.windows);
        this.table.saveRow(row, account, this.forgetAt(account));
        this.running.end(row, requestId);
      }
    } else {
      this.settleUnreserved(settlement);
    }
    this.remember(name, known?.grantedOutputTokens ?? 0, undefined);
    return true;
  }

  async lease(order: LeaseOrder): Promise<LeaseGrant | Unseeded> {
    const { orgId, leaseId, subjects, seeds } = order;
    this.tick(orgId);
    const parties = this.open(orgId, subjects, seeds);
    if (!parties) return { kind: 'unseeded' };
    const first = this.leases.find(orgId, leaseId, this.now);
    const granted = first ?? leasable(parties, order);
    if (!first && granted.requests > 0) {
      for (const { account } of parties) take(account, { ...granted, costMicros: 0 });
      const lapsesAt = this.now + order.ttlMs + this.options.reservationTtlMs;
      this.leases.add(
        {
          ...{ id: leaseId, orgId, requests: granted.requests, tokens: granted.tokens, at: this.now, lapsesAt },
          parties: parties.map(({ name, account: { sequence } }) => ({ name, sequence })),
          forgetAt: lapsesAt + this.options.reservationTtlMs,
          ...{ state: 'open', settledRequests: 0, settledTokens: 0 },
        },
        this.now,
      );
    }
    if (seeds || (!first && granted.requests > 0)) for (const party of parties) this.save(party);
    const { requests, tokens } = granted;
    return { kind: 'leased', requests, tokens, states: statesOf(parties, this.windows) };
  }

  async returnLease({ orgId, leaseId, requestsUsed, tokensPromised }: LeaseReturn): Promise<boolean> {
    this.tick(orgId);
    const lease = this.leases.find(orgId, leaseId, this.now);
    if (lease?.state !== 'open') return false;
    this.giveBack(lease, requestsUsed, tokensPromised);
    this.leases.close(lease, 'returned');
    return true;
  }

  async start(): Promise<void> {}

  ready(): boolean {
    return true;
  }

  async close(): Promise<void> {}

  /** Takes the time of an operation, and does what is due by then. Whole milliseconds: the arithmetic is exact on those alone. */
  private tick(orgId?: string): void {
    this.now = Math.floor(this.options.clock.now());
    if (this.now < this.windows.dayStart || this.now >= this.windows.dayEnd) this.windows = windowsOf(this.now);
    this.table.reclaim(this.now, (row) => this.running.forget(row));
    if (orgId === undefined) return;
    for (const lease of this.leases.lapsed(orgId, this.now)) {
      if (lease.forgetAt > this.now) this.giveBack(lease, lease.settledRequests, lease.settledTokens);
      this.leases.close(lease, 'lapsed');
    }
  }

  /** Undefined: the counters of a period are missing. */
  private open(orgId: string, subjects: readonly Subject[], seeds: Seeds | undefined): OpenParty[] | undefined {
    const parties: OpenParty[] = [];
    for (const [index, subject] of subjects.entries()) {
      const name = accountName(orgId, subject);
      const row = this.table.find(name, this.now);
      const account = row === undefined ? emptyAccount(this.now) : this.load(row);
      setLimits(account, subject.limits);
      if (!account.periods && hasPeriodLimit(subject.limits)) {
        if (!seeds) return undefined;
        account.periods = { ...seeds[index]!, since: this.now };
      }
      const counted = row !== undefined && subject.limits.concurrent_requests > 0;
      parties.push({ subject, account, name, running: counted ? this.running.count(row, this.now) : 0 });
    }
    return parties;
  }

  private settleUnreserved({ orgId, subjects, tokens, costMicros, ageMs, lease: under }: Settlement): void {
    const used = { requests: 1, tokens, costMicros };
    const lease = under && this.leases.find(orgId, under.id, this.now);
    if (lease && lease.state !== 'lapsed') {
      const promised = { requests: 1, tokens: under.reservedTokens, costMicros: 0 };
      this.replaceAll(lease, promised, used);
      lease.settledRequests += 1;
      lease.settledTokens += under.reservedTokens;
      return;
    }
    if (tokens === 0 && costMicros === 0) return;
    for (const subject of subjects) {
      this.change(accountName(orgId, subject), (account) => charge(account, used, ageMs, this.windows));
    }
  }

  private giveBack(lease: Lease, requestsUsed: number, tokensPromised: number): void {
    const requests = Math.max(0, lease.requests - requestsUsed);
    const tokens = Math.max(0, lease.tokens - tokensPromised);
    this.replaceAll(lease, { requests, tokens, costMicros: 0 }, nothing);
  }

  private replaceAll(lease: Lease, promised: Amounts, used: Amounts): void {
    for (const { name, sequence } of lease.parties) {
      this.change(name, (account) => replace(account, promised, used, { at: lease.at, sequence }, this.windows));
    }
  }

  private change(name: string, how: (account: Account) => void): void {
    const row = this.table.find(name, this.now);
    if (row === undefined) return;
    const account = this.load(row);
    how(account);
    this.table.saveRow(row, account, this.forgetAt(account));
  }

  private load(row: number): Account {
    const account = this.table.load(row);
    advance(account, this.now, this.windows);
    return account;
  }

  private save({ name, account }: OpenParty): number {
    return this.table.save(name, account, this.forgetAt(account));
  }

  private forgetAt(account: Account): number {
    return forgetAt(account, this.options.reservationTtlMs, this.windows);
  }

  private holdMs(asked: number): number {
    return Math.min(asked > 0 ? asked : Infinity, this.options.reservationTtlMs);
  }

  private remember(name: string, grantedOutputTokens: number, taken: Reserved['taken']): void {
    const expiresAt = this.now + this.options.reservationTtlMs;
    this.remembered.set(name, { grantedOutputTokens, taken, expiresAt }, this.now);
  }

  private decision(
    parties: readonly OpenParty[],
    grantedOutputTokens: number,
    refusal: Pick<Decision, 'refusedBy' | 'retryAfterMs'> | undefined,
  ): Decision {
    return {
      kind: 'decided',
      allowed: !refusal,
      grantedOutputTokens,
      refusedBy: refusal?.refusedBy,
      retryAfterMs: refusal?.retryAfterMs ?? 0,
      states: statesOf(parties, this.windows),
    };
  }
}

function accountName(orgId: string, { kind, id }: Pick<Subject, 'kind' | 'id'>): string {
  return nameOf(orgId, `${kind}:${id}`);
}

/**
 * Ids are ours and hold no line break, so that no name can be another organisation's. Joined, not concatenated: V8 keeps what was
 * concatenated in pieces, which takes 200 bytes more for each name that stays.
 */
function nameOf(orgId: string, id: string): string {
  return [orgId, id].join('\n');
}
