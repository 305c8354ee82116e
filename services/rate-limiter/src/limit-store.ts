import type { PeriodUsage } from './ledger/ledger.ts';

/** In the order in which states are listed and ties between refusals are decided. */
export const dimensions = [
  'requests_per_minute',
  'requests_per_day',
  'tokens_per_minute',
  'tokens_per_week',
  'tokens_per_month',
  'concurrent_requests',
  'budget_micros_per_month',
] as const;
export type Dimension = (typeof dimensions)[number];

/** Milliseconds that a lease may live at most. */
export const LONGEST_LEASE_MS = 60_000;

/** Whole numbers; 0: no limit. */
export type SubjectLimits = Readonly<Record<Dimension, number>>;

/** One of those a decision counts against. */
export interface Subject {
  readonly kind: string;
  readonly id: string;
  readonly limits: SubjectLimits;
}

/** What subjects used in the periods of now, in their order; for those whose counters the store does not have. */
export type Seeds = readonly PeriodUsage[];

export interface Reservation {
  readonly orgId: string;
  readonly requestId: string;
  readonly subjects: readonly Subject[];
  readonly promptTokens: number;
  /** 0: as much as the limits allow, up to `defaultOutputTokens`. */
  readonly outputTokens: number;
  readonly defaultOutputTokens: number;
  /** Millionths of a USD per token. */
  readonly price: { readonly input: number; readonly output: number };
  /** Milliseconds after which its place among the concurrent ones is free at the latest. */
  readonly holdMs: number;
  /** Part of a request that was counted: it takes no request and no place. */
  readonly tokensOnly: boolean;
  readonly seeds?: Seeds;
}

export interface Settlement {
  readonly orgId: string;
  readonly requestId: string;
  /** Whom an unknown reservation counts against, where the store knows them. */
  readonly subjects: readonly Pick<Subject, 'kind' | 'id'>[];
  /** Prompt and completion together. */
  readonly tokens: number;
  readonly costMicros: number;
  /** Milliseconds since the tokens were used. Only an unknown reservation needs it: what has leaked since is not charged. */
  readonly ageMs: number;
  /** The lease it was admitted under, and what that promised it. */
  readonly lease?: { readonly id: string; readonly reservedTokens: number };
}

export interface LeaseOrder {
  readonly orgId: string;
  readonly leaseId: string;
  readonly subjects: readonly Subject[];
  /** Wanted at most. */
  readonly requests: number;
  readonly tokens: number;
  readonly ttlMs: number;
  readonly seeds?: Seeds;
}

export interface LeaseReturn {
  readonly orgId: string;
  readonly leaseId: string;
  readonly requestsUsed: number;
  readonly tokensPromised: number;
}

/** One limit after a decision. */
export interface LimitState {
  readonly subject: Subject;
  readonly dimension: Dimension;
  readonly remaining: number;
  /** Milliseconds until all of it is left again; 0 for concurrent requests, which free as they end. */
  readonly resetMs: number;
}

export interface Decision {
  readonly kind: 'decided';
  readonly allowed: boolean;
  readonly grantedOutputTokens: number;
  /** Set on a refusal: the limit that frees last. */
  readonly refusedBy: { readonly subject: Subject; readonly dimension: Dimension } | undefined;
  /** Milliseconds until a request of this size could pass; 0 on a refusal: it never can, it is larger than the limit. */
  readonly retryAfterMs: number;
  readonly states: readonly LimitState[];
}

export interface LeaseGrant {
  readonly kind: 'leased';
  /** 0: nothing is left, or a limit that no lease can keep. */
  readonly requests: number;
  readonly tokens: number;
  readonly states: readonly LimitState[];
}

/** Counters of a period are missing: nothing was decided; ask again with `seeds`. */
export interface Unseeded {
  readonly kind: 'unseeded';
}

/**
 * Where the counters are. Every operation is atomic over all its subjects. A store that cannot answer throws `unavailable`
 * at once, so that callers can tell "limited" from "the limiter is down".
 */
export interface LimitStore {
  /** Takes the request and its tokens from all subjects, or nothing. A repeat of an admitted request id returns the first decision. */
  reserve(reservation: Reservation): Promise<Decision | Unseeded>;
  /** Replaces what was reserved or promised by what was used. False: it was settled before and nothing changed. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Takes many requests and tokens at once, never more than a tenth of what is left. A repeat returns the first grant. */
  lease(order: LeaseOrder): Promise<LeaseGrant | Unseeded>;
  /** Gives back what was not promised. False: the lease is unknown or was closed before. */
  returnLease(back: LeaseReturn): Promise<boolean>;
  /** Opens connections; resolves also when there is nobody to connect to yet. */
  start(): Promise<void>;
  ready(): boolean;
  close(): Promise<void>;
}
