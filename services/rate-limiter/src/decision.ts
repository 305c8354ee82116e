import type { Account, Amounts } from './account.ts';
import { drainMs, room, wait } from './bucket.ts';
import type { Windows } from './calendar.ts';
import {
  dimensions,
  type Decision,
  type Dimension,
  type LimitState,
  type Reservation,
  type Subject,
} from './limit-store.ts';

/** A subject, what it has used, and how many of its requests run now. */
export interface Party {
  readonly subject: Subject;
  readonly account: Account;
  readonly running: number;
}

/** A request that waits for others to end is told to come back after this many milliseconds at most. */
export const CONCURRENCY_RETRY_MS = 1_000;

/** What a request of this shape takes of every subject. */
export function amountsOf(reservation: Reservation, outputTokens: number): Amounts {
  const { promptTokens, tokensOnly, price } = reservation;
  return {
    requests: tokensOnly ? 0 : 1,
    tokens: promptTokens + outputTokens,
    costMicros: Math.ceil(price.input * promptTokens + price.output * outputTokens),
  };
}

/** Output tokens of a request that names no maximum: what all limits leave of the default, and at least one. */
export function outputOf(reservation: Reservation, parties: readonly Party[]): number {
  const { outputTokens, defaultOutputTokens, promptTokens, price } = reservation;
  if (outputTokens > 0 || defaultOutputTokens === 0) return outputTokens;
  let output = defaultOutputTokens;
  for (const { subject, account } of parties) {
    const { limits } = subject;
    const { periods } = account;
    if (limits.tokens_per_minute > 0) output = Math.min(output, room(account.tokens) - promptTokens);
    if (!periods) continue;
    if (limits.tokens_per_week > 0) {
      output = Math.min(output, limits.tokens_per_week - periods.weekTokens - promptTokens);
    }
    if (limits.tokens_per_month > 0) {
      output = Math.min(output, limits.tokens_per_month - periods.monthTokens - promptTokens);
    }
    if (limits.budget_micros_per_month > 0 && price.output > 0) {
      output = Math.min(output, affordable(reservation, limits.budget_micros_per_month - periods.monthCostMicros));
    }
  }
  return Math.max(1, output);
}

/** Output tokens that an amount of money pays, after the prompt. */
function affordable(reservation: Reservation, micros: number): number {
  const { promptTokens, price } = reservation;
  const output = Math.floor((micros - price.input * promptTokens) / price.output);
  // The division may round up by one token what the multiplication then finds too dear.
  return amountsOf(reservation, output).costMicros > micros ? output - 1 : output;
}

/** The limit that refuses, and for how long; undefined when all of it fits. */
export function refusalOf(
  amounts: Amounts,
  parties: readonly Party[],
  windows: Windows,
): Pick<Decision, 'refusedBy' | 'retryAfterMs'> | undefined {
  let longest: Pick<Decision, 'refusedBy' | 'retryAfterMs'> | undefined;
  for (const party of parties) {
    const { subject } = party;
    for (const dimension of dimensions) {
      const limit = subject.limits[dimension];
      if (limit === 0) continue;
      const retryAfterMs = waitOf(dimension, limit, amounts, party, windows);
      if (retryAfterMs === 0) continue;
      const refusedBy = { subject, dimension };
      if (retryAfterMs === Infinity) return { refusedBy, retryAfterMs: 0 };
      if (retryAfterMs > (longest?.retryAfterMs ?? 0)) longest = { refusedBy, retryAfterMs };
    }
  }
  return longest;
}

/** Milliseconds until the amount fits; infinity: it never does. */
function waitOf(dimension: Dimension, limit: number, amounts: Amounts, party: Party, windows: Windows): number {
  const { account, running } = party;
  const { requests, tokens, costMicros } = amounts;
  const now = account.at;
  const until = (used: number, amount: number, end: number) => {
    if (amount > limit) return Infinity;
    return used + amount > limit && amount > 0 ? end - now : 0;
  };
  switch (dimension) {
    case 'requests_per_minute':
      return requests === 0 ? 0 : wait(account.requests, requests);
    case 'tokens_per_minute':
      if (tokens > limit) return Infinity;
      return tokens === 0 ? 0 : wait(account.tokens, tokens);
    case 'requests_per_day':
      return until(account.periods!.dayRequests, requests, windows.dayEnd);
    case 'tokens_per_week':
      return until(account.periods!.weekTokens, tokens, windows.weekEnd);
    case 'tokens_per_month':
      return until(account.periods!.monthTokens, tokens, windows.monthEnd);
    case 'budget_micros_per_month':
      return until(account.periods!.monthCostMicros, costMicros, windows.monthEnd);
    case 'concurrent_requests':
      return requests > 0 && running >= limit ? CONCURRENCY_RETRY_MS : 0;
    default:
      return dimension satisfies never;
  }
}

/** Requests and tokens that a lease may have: never more than a tenth of what any limit leaves. */
export function leasable(parties: readonly Party[], wanted: { requests: number; tokens: number }): Amounts {
  let { requests, tokens } = wanted;
  for (const { subject, account } of parties) {
    const { limits } = subject;
    // What is not known in advance cannot be taken in advance.
    if (limits.concurrent_requests > 0 || limits.budget_micros_per_month > 0)
      return { requests: 0, tokens: 0, costMicros: 0 };
    const { periods } = account;
    if (limits.requests_per_minute > 0) requests = Math.min(requests, tenth(room(account.requests)));
    if (limits.requests_per_day > 0) {
      requests = Math.min(requests, tenth(limits.requests_per_day - periods!.dayRequests));
    }
    if (limits.tokens_per_minute > 0) tokens = Math.min(tokens, Math.floor(room(account.tokens) / 10));
    if (limits.tokens_per_week > 0) {
      tokens = Math.min(tokens, Math.floor((limits.tokens_per_week - periods!.weekTokens) / 10));
    }
    if (limits.tokens_per_month > 0) {
      tokens = Math.min(tokens, Math.floor((limits.tokens_per_month - periods!.monthTokens) / 10));
    }
  }
  const some = requests > 0 && (tokens > 0 || wanted.tokens === 0);
  return some ? { requests, tokens, costMicros: 0 } : { requests: 0, tokens: 0, costMicros: 0 };
}

/** A tenth of what is left, but one request if there is one. */
function tenth(left: number): number {
  return left < 1 ? 0 : Math.max(1, Math.floor(left / 10));
}

export function statesOf(parties: readonly Party[], windows: Windows): LimitState[] {
  const states: LimitState[] = [];
  for (const party of parties) {
    const { subject } = party;
    for (const dimension of dimensions) {
      if (subject.limits[dimension] === 0) continue;
      const { remaining, resetMs } = stateOf(dimension, party, windows);
      states.push({ subject, dimension, remaining, resetMs });
    }
  }
  return states;
}

function stateOf(dimension: Dimension, { subject, account, running }: Party, windows: Windows) {
  const { periods, at } = account;
  const limit = subject.limits[dimension];
  const left = (used: number) => Math.max(0, limit - used);
  switch (dimension) {
    case 'requests_per_minute':
      return { remaining: room(account.requests), resetMs: drainMs(account.requests) };
    case 'tokens_per_minute':
      return { remaining: room(account.tokens), resetMs: drainMs(account.tokens) };
    case 'requests_per_day':
      return { remaining: left(periods!.dayRequests), resetMs: windows.dayEnd - at };
    case 'tokens_per_week':
      return { remaining: left(periods!.weekTokens), resetMs: windows.weekEnd - at };
    case 'tokens_per_month':
      return { remaining: left(periods!.monthTokens), resetMs: windows.monthEnd - at };
    case 'budget_micros_per_month':
      return { remaining: left(periods!.monthCostMicros), resetMs: windows.monthEnd - at };
    case 'concurrent_requests':
      return { remaining: left(running), resetMs: 0 };
    default:
      return dimension satisfies never;
  }
}
