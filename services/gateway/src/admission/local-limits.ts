import type { limits } from '@flotilla/contracts';
import type { Clock } from '@flotilla/kernel';
import type { Refusal } from './limit-reached.ts';

/**
 * How many times its limit a subject may use while the limiter is away. These buckets know nothing of what was used
 * before and elsewhere, so they only bound a flood: who stays within the limits is never refused by them.
 */
const slack = 2;
/** Subjects held at most, about 200 bytes each; the one seen least recently leaves first. */
const mostSubjects = 10_000;
const minuteMs = 60_000;

/** What a request needs of every subject. */
export interface Need {
  readonly promptTokens: number;
  /** 0: as many as there are, up to the default. */
  readonly outputTokens: number;
  readonly defaultOutputTokens: number;
  /** Output tokens it can do with. */
  readonly leastOutputTokens: number;
}

interface Bucket {
  requests: number;
  tokens: number;
  at: number;
}

/** Limits per minute, kept in this process from the plans it knows, for when the limiter cannot be asked. */
export class LocalLimits {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** Takes one request and its tokens from every subject, and says how many it may generate; or from none, and says which refused. */
  take(subjects: readonly limits.Subject[], need: Need): number | Refusal {
    const now = this.clock.monotonic();
    const buckets = subjects.map((subject) => this.#bucketOf(subject, now));
    const output = outputOf(need, buckets);
    const tokens = need.promptTokens + output;
    for (const [at, subject] of subjects.entries()) {
      const refusal = refusalOf(subject, buckets[at]!, tokens);
      if (refusal) return refusal;
    }
    for (const bucket of buckets) {
      bucket.requests -= 1;
      bucket.tokens -= tokens;
    }
    return output;
  }

  #bucketOf(subject: limits.Subject, now: number): Bucket {
    const key = `${subject.kind}:${subject.id}`;
    const known = this.#buckets.get(key);
    const requests = capacity(subject.requestsPerMinute);
    const tokens = capacity(subject.tokensPerMinute);
    const bucket: Bucket = { requests, tokens, at: now };
    if (known) {
      const share = (now - known.at) / minuteMs;
      bucket.requests = refilled(known.requests, requests, share);
      bucket.tokens = refilled(known.tokens, tokens, share);
      this.#buckets.delete(key);
    } else if (this.#buckets.size >= mostSubjects) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

/** As the limiter has it: a request without a maximum gets what is left of the default. */
function outputOf(
  { promptTokens, outputTokens, defaultOutputTokens, leastOutputTokens }: Need,
  buckets: Bucket[],
): number {
  if (outputTokens > 0) return outputTokens;
  const room = Math.floor(Math.min(...buckets.map(({ tokens }) => tokens))) - promptTokens;
  return Math.max(leastOutputTokens, Math.min(defaultOutputTokens, room));
}

/** 0: no limit of that kind. */
function capacity(limit: number): number {
  return limit > 0 ? limit * slack : Infinity;
}

/** A limit may have come or gone since. */
function refilled(left: number, most: number, share: number): number {
  return most === Infinity || left === Infinity ? most : Math.min(most, left + most * share);
}

function refusalOf(subject: limits.Subject, bucket: Bucket, tokens: number): Refusal | undefined {
  const { kind, requestsPerMinute, tokensPerMinute } = subject;
  if (bucket.requests < 1) {
    const retryAfterMs = ((1 - bucket.requests) / capacity(requestsPerMinute)) * minuteMs;
    return refusal('requests_per_minute', kind, requestsPerMinute, retryAfterMs);
  }
  if (bucket.tokens >= tokens) return undefined;
  const most = capacity(tokensPerMinute);
  const retryAfterMs = tokens > most ? 0 : ((tokens - bucket.tokens) / most) * minuteMs;
  return refusal('tokens_per_minute', kind, tokensPerMinute, retryAfterMs);
}

function refusal(name: string, scope: string, limit: number, retryAfterMs: number): Refusal {
  const state = { name, scope, limit, remaining: 0, resetMs: retryAfterMs, windowMs: minuteMs };
  return { refusedBy: name, refusedScope: scope, retryAfterMs, limits: [state] };
}
