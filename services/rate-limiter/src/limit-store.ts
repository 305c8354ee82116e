/** What one tier allows a key. Whole numbers. */
export interface KeyLimits {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  /** Output tokens reserved for a request that names no maximum. */
  readonly defaultMaxTokens: number;
}

export interface Reservation {
  readonly keyId: string;
  readonly requestId: string;
  readonly limits: KeyLimits;
  readonly promptTokens: number;
  /** 0: as much as the limits allow, up to `defaultMaxTokens`. */
  readonly outputTokens: number;
}

export interface Settlement {
  readonly keyId: string;
  readonly requestId: string;
  readonly limits: KeyLimits;
  /** Prompt and completion together. */
  readonly tokens: number;
  /** Milliseconds since the tokens were used. Only an unknown reservation needs it: what has leaked since is not charged. */
  readonly ageMs: number;
}

export type Dimension = 'requests_per_minute' | 'tokens_per_minute';

/** One dimension after a decision. */
export interface DimensionState {
  remaining: number;
  /** Milliseconds until the bucket is full again. */
  resetMs: number;
}

export interface Decision {
  allowed: boolean;
  grantedOutputTokens: number;
  /** Set on a refusal: the dimension that frees last. */
  refusedBy: Dimension | undefined;
  /** Milliseconds until a request of this size could pass; 0 on a refusal: it never can, it is larger than the bucket. */
  retryAfterMs: number;
  requests: DimensionState;
  tokens: DimensionState;
}

/**
 * Where the buckets are. Every operation is atomic per key. A store that cannot answer throws `unavailable` at once, so
 * that callers can tell "limited" from "the limiter is down".
 */
export interface LimitStore {
  /** Takes one request and the tokens, or nothing. A repeat of an admitted request id returns the first decision. */
  reserve(reservation: Reservation): Promise<Decision>;
  /** Replaces the reservation by what was used. False: it was settled before and nothing changed. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Opens connections; resolves also when there is nobody to connect to yet. */
  start(): Promise<void>;
  ready(): boolean;
  close(): Promise<void>;
}
