import type { common, limits } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import {
  dimensions,
  LONGEST_LEASE_MS,
  type LeaseOrder,
  type Reservation,
  type Settlement,
  type Subject,
} from './limit-store.ts';

/** Limits per minute above it are cut: exact arithmetic ends not far beyond (bucket.ts). */
const LARGEST_PER_MINUTE = 2 ** 32 - 1;

export function reservationOf(request: limits.ReserveRequest): Reservation {
  const caller = required(request.caller);
  const { promptTokens, outputTokens, defaultOutputTokens, price, holdMs, tokensOnly } = request;
  return {
    orgId: caller.orgId,
    requestId: caller.requestId,
    subjects: subjectsOf(caller.orgId, request.subjects),
    ...{ promptTokens, outputTokens, defaultOutputTokens, holdMs, tokensOnly },
    price: { input: finite('price.input', price?.input ?? 0), output: finite('price.output', price?.output ?? 0) },
  };
}

export function settlementOf(
  of: common.Caller | undefined,
  usage: common.Usage | undefined,
  costMicros: number,
  lease?: Settlement['lease'],
): Omit<Settlement, 'ageMs'> {
  const caller = required(of);
  const subjects = [
    { kind: 'key', id: caller.keyId },
    { kind: 'user', id: caller.userId },
    { kind: 'org', id: caller.orgId },
  ].filter(({ id }) => id !== '');
  return {
    ...{ orgId: caller.orgId, requestId: caller.requestId, subjects },
    tokens: usage ? usage.promptTokens + usage.completionTokens : 0, // cached ones are part of the prompt
    costMicros: Math.ceil(finite('cost_micros', costMicros)),
    ...(lease && { lease }),
  };
}

export function leaseOf(request: limits.LeaseRequest): LeaseOrder {
  const { leaseId, orgId, requests, tokens, ttlMs } = request;
  if (!leaseId || !orgId) throw new FlotillaError('invalid_request', 'The call names no lease or no organisation.');
  const subjects = subjectsOf(orgId, request.subjects);
  if (subjects.length === 0) throw new FlotillaError('invalid_request', 'A lease needs a subject.');
  return {
    ...{ leaseId, orgId, subjects, requests, tokens: whole('tokens', tokens) },
    ttlMs: Math.min(ttlMs, LONGEST_LEASE_MS),
  };
}

export function whole(param: string, value: number): number {
  return Math.floor(finite(param, value));
}

function required(caller: common.Caller | undefined): common.Caller {
  if (!caller?.requestId) throw new FlotillaError('invalid_request', 'The call names no request.');
  if (!caller.orgId) throw new FlotillaError('invalid_request', 'The caller has no organisation.');
  return caller;
}

function subjectsOf(orgId: string, subjects: readonly limits.Subject[]): Subject[] {
  const names = new Set(subjects.map(({ kind, id }) => `${kind}:${id}`));
  if (names.size < subjects.length) throw new FlotillaError('invalid_request', 'A subject is named twice.');
  return subjects.map((subject) => subjectOf(orgId, subject));
}

function subjectOf(orgId: string, subject: limits.Subject): Subject {
  const { kind } = subject;
  // The gateway names a user `organisation/user`; callers, the ledger and the keys of the store have the organisation beside.
  const qualified = kind === 'user' && subject.id.startsWith(`${orgId}/`);
  const id = qualified ? subject.id.slice(orgId.length + 1) : subject.id;
  if (!kind || !id) throw new FlotillaError('invalid_request', 'A subject has no kind or no id.');
  const values = [
    Math.min(LARGEST_PER_MINUTE, subject.requestsPerMinute),
    subject.requestsPerDay,
    Math.min(LARGEST_PER_MINUTE, subject.tokensPerMinute),
    subject.tokensPerWeek,
    subject.tokensPerMonth,
    subject.concurrentRequests,
    subject.budgetMicrosPerMonth,
  ];
  const limits = Object.fromEntries(
    dimensions.map((dimension, index) => [dimension, limitOf(dimension, values[index]!)]),
  ) as Subject['limits'];
  return { kind, id, limits };
}

/** A limit below one would be no limit when it is cut to a whole number. */
function limitOf(name: string, value: number): number {
  return value > 0 ? Math.max(1, whole(name, value)) : finite(name, value);
}

function finite(param: string, value: number): number {
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new FlotillaError('invalid_request', `${param} is not a number from 0 to 2^53.`, { details: { param } });
}
