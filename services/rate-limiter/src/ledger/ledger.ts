import type { events, limits } from '@flotilla/contracts';

/** Whose use is asked for: one of those a request counts against. */
export interface LedgerSubject {
  /** key | user | org; of any other kind nothing is known. */
  readonly kind: string;
  readonly id: string;
}

/** What one subject used so far in the day, the ISO week and the month of now, all of UTC. */
export interface PeriodUsage {
  readonly dayRequests: number;
  /** Prompt and completion together. */
  readonly weekTokens: number;
  readonly monthTokens: number;
  readonly monthCostMicros: number;
}

/** What was used, request by request and in sums by day. The sums are always those of the requests. */
export interface Ledger {
  /**
   * Writes all of them or none. A request that was written before changes nothing, so an event may come any number of times.
   * Throws `unavailable` within its deadline when the database does not answer; the caller lets the event come again.
   */
  record(records: readonly events.UsageRecorded[]): Promise<void>;
  /** Sums of one organisation. Throws `invalid_request` for a question that has no answer. */
  usage(request: limits.GetUsageRequest): Promise<limits.GetUsageResponse>;
  /** In the order of the subjects. */
  used(orgId: string, subjects: readonly LedgerSubject[]): Promise<PeriodUsage[]>;
}
