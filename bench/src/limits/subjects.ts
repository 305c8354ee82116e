import type { Limiter, Reservation, Subject, SubjectLimits } from '@flotilla/rate-limiter';

const unlimited: SubjectLimits = {
  ...{ requests_per_minute: 0, requests_per_day: 0, tokens_per_minute: 0, tokens_per_week: 0, tokens_per_month: 0 },
  ...{ concurrent_requests: 0, budget_micros_per_month: 0 },
};
/** A limit that is counted against and never reached. */
export const large = 4_000_000_000;
const perMinute = { ...unlimited, requests_per_minute: large, tokens_per_minute: large };

export const KEYS = 1_000;
const keys = Array.from({ length: KEYS }, (_, index) => index);

/** What a request of a customer counts against: three subjects, seven limits. */
export const subjects: readonly Subject[][] = keys.map((index) => [
  { kind: 'key', id: `key_${index}`, limits: perMinute },
  { kind: 'user', id: `user_${index}`, limits: perMinute },
  { kind: 'org', id: 'org', limits: { ...perMinute, tokens_per_month: 1e15 } },
]);

/** What limiters that count requests per key can be held against: one subject, one limit. */
export const single: readonly Subject[][] = keys.map((index) => [
  { kind: 'key', id: `single_${index}`, limits: { ...unlimited, requests_per_minute: large } },
]);

/** Decisions under way at once: what one gateway asks at a few thousand requests per second. */
export const CONCURRENCY = 16;

export function reservationOf(id: number, of = subjects): Reservation {
  return {
    ...{ orgId: 'org', requestId: `req_${id}`, subjects: of[id % KEYS]!, promptTokens: 50, outputTokens: 50 },
    ...{ defaultOutputTokens: 100, price: { input: 0.1, output: 0.2 }, holdMs: 60_000, tokensOnly: false },
  };
}

export async function reserveAndSettle(limiter: Limiter, id: number): Promise<void> {
  const reservation = reservationOf(id);
  await limiter.reserve(reservation);
  const { orgId, requestId } = reservation;
  await limiter.settle({ orgId, requestId, subjects: reservation.subjects, tokens: 80, costMicros: 10 });
}
