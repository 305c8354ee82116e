import type { LeaseOrder, Reservation, Settlement, Subject, SubjectLimits } from './limit-store.ts';

const unlimited: SubjectLimits = {
  requests_per_minute: 0,
  requests_per_day: 0,
  tokens_per_minute: 0,
  tokens_per_week: 0,
  tokens_per_month: 0,
  concurrent_requests: 0,
  budget_micros_per_month: 0,
};

/** A subject that has only the limits named. */
export function subject(name: string, limits: Partial<SubjectLimits>): Subject {
  const [kind, id] = name.split(':');
  return { kind: kind!, id: id!, limits: { ...unlimited, ...limits } };
}

/** Ten prompt and twenty output tokens of the organisation `org`, at no price. */
export function reservation(
  requestId: string,
  subjects: readonly Subject[],
  overrides: Partial<Reservation> = {},
): Reservation {
  return {
    ...{ orgId: 'org', requestId, subjects, promptTokens: 10, outputTokens: 20, defaultOutputTokens: 40 },
    ...{ price: { input: 0, output: 0 }, holdMs: 60_000, tokensOnly: false },
    ...overrides,
  };
}

export function settlement(
  requestId: string,
  subjects: readonly Pick<Subject, 'kind' | 'id'>[],
  tokens: number,
  overrides: Partial<Settlement> = {},
): Settlement {
  return { ...{ orgId: 'org', requestId, subjects, tokens, costMicros: 0, ageMs: 0 }, ...overrides };
}

export function leaseOrder(
  leaseId: string,
  subjects: readonly Subject[],
  requests: number,
  tokens: number,
  overrides: Partial<LeaseOrder> = {},
): LeaseOrder {
  return { ...{ orgId: 'org', leaseId, subjects, requests, tokens, ttlMs: 2_000 }, ...overrides };
}
