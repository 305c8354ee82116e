import { add, drainMs, leak, setRate, takeBack, WINDOW_MS, type Bucket } from './bucket.ts';
import type { Windows } from './calendar.ts';
import type { PeriodUsage } from './ledger/ledger.ts';
import type { SubjectLimits } from './limit-store.ts';

/** What one subject has used. The Lua script of Redis keeps and changes the very same. */
export interface Account {
  /** When it was true, ms since 1970. Never goes back. */
  at: number;
  /** Number of the last change; starts at `firstSequence(at)`. */
  sequence: number;
  requests: Bucket;
  tokens: Bucket;
  /** Of the day, week and month that `at` lies in. Absent until a limit of that kind was seen. */
  periods: Periods | undefined;
}

export type Periods = {
  -readonly [K in keyof PeriodUsage]: PeriodUsage[K];
} & {
  /** When they began, with what the ledger had by then: what was used before is in them and is not charged again. */
  since: number;
};

/** What is taken from or charged to one account. */
export interface Amounts {
  requests: number;
  tokens: number;
  costMicros: number;
}

export const nothing: Amounts = { requests: 0, tokens: 0, costMicros: 0 };

/** Sequences of an account made anew are above all those of its predecessors (up to 1,000 changes per ms). */
export function firstSequence(now: number): number {
  return now * 1_000;
}

export function emptyAccount(now: number): Account {
  const sequence = firstSequence(now);
  const bucket = () => ({ level: 0, rate: 0, lows: [sequence, 0] });
  return { at: now, sequence, requests: bucket(), tokens: bucket(), periods: undefined };
}

/** Brings it to now: what leaked has leaked, counters of periods that ended begin anew. */
export function advance(account: Account, now: number, windows: Windows): void {
  const elapsed = now - account.at;
  if (elapsed <= 0) return;
  leak(account.requests, elapsed);
  leak(account.tokens, elapsed);
  const { periods } = account;
  if (periods) {
    if (account.at < windows.dayStart) periods.dayRequests = 0;
    if (account.at < windows.weekStart) periods.weekTokens = 0;
    if (account.at < windows.monthStart) periods.monthTokens = periods.monthCostMicros = 0;
  }
  account.at = now;
}

export function setLimits(account: Account, limits: SubjectLimits): void {
  setRate(account.requests, limits.requests_per_minute, account.sequence);
  setRate(account.tokens, limits.tokens_per_minute, account.sequence);
}

export function hasPeriodLimit(limits: SubjectLimits): boolean {
  return (
    limits.requests_per_day > 0 ||
    limits.tokens_per_week > 0 ||
    limits.tokens_per_month > 0 ||
    limits.budget_micros_per_month > 0
  );
}

export function take(account: Account, { requests, tokens, costMicros }: Amounts): void {
  account.sequence += 1;
  add(account.requests, requests * WINDOW_MS, account.sequence);
  add(account.tokens, tokens * WINDOW_MS, account.sequence);
  const { periods } = account;
  if (!periods) return;
  periods.dayRequests += requests;
  periods.weekTokens += tokens;
  periods.monthTokens += tokens;
  periods.monthCostMicros += costMicros;
}

/** When something was taken from an account, in time and in the account's own order. */
export interface Taken {
  at: number;
  sequence: number;
}

/** Replaces what was promised by what was used. Less than promised: as if the rest had never been taken. */
export function replace(account: Account, promised: Amounts, used: Amounts, taken: Taken, windows: Windows): void {
  const { requests, tokens, periods } = account;
  if (used.requests < promised.requests) {
    takeBack(requests, (promised.requests - used.requests) * WINDOW_MS, taken.sequence);
  }
  if (used.tokens < promised.tokens) {
    takeBack(tokens, (promised.tokens - used.tokens) * WINDOW_MS, taken.sequence);
  } else {
    account.sequence += 1;
    add(tokens, (used.tokens - promised.tokens) * WINDOW_MS, account.sequence);
  }
  if (!periods) return;
  // Counters that began later never had the promise.
  const counted = taken.at < periods.since ? nothing : promised;
  if (taken.at >= windows.dayStart) periods.dayRequests += used.requests - counted.requests;
  if (taken.at >= windows.weekStart) periods.weekTokens += used.tokens - counted.tokens;
  if (taken.at < windows.monthStart) return;
  periods.monthTokens += used.tokens - counted.tokens;
  periods.monthCostMicros += used.costMicros - counted.costMicros;
}

/** Charges what was used `ageMs` ago without having been taken, less what would have leaked since. */
export function charge(account: Account, used: Amounts, ageMs: number, windows: Windows): void {
  const { requests, tokens, periods } = account;
  account.sequence += 1;
  add(requests, used.requests * WINDOW_MS - ageMs * requests.rate, account.sequence);
  add(tokens, used.tokens * WINDOW_MS - ageMs * tokens.rate, account.sequence);
  const usedAt = account.at - ageMs;
  if (!periods || usedAt < periods.since) return;
  if (usedAt >= windows.dayStart) periods.dayRequests += used.requests;
  if (usedAt >= windows.weekStart) periods.weekTokens += used.tokens;
  if (usedAt < windows.monthStart) return;
  periods.monthTokens += used.tokens;
  periods.monthCostMicros += used.costMicros;
}

/** From when on it need not be kept, ms since 1970. `keepMs`: as long as a reservation may still be settled. */
export function forgetAt(account: Account, keepMs: number, windows: Windows): number {
  const leaked = account.at + Math.max(keepMs, drainMs(account.requests), drainMs(account.tokens));
  return account.periods ? Math.max(leaked, windows.weekEnd, windows.monthEnd) : leaked;
}
