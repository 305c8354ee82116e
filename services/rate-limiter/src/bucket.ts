import type { Decision, DimensionState, KeyLimits } from './limit-store.ts';

/** Milliseconds of the window all limits are stated for. */
export const WINDOW_MS = 60_000;

/** Lows kept per bucket; above it the two nearest are merged into the lower one, which can only lessen a refund. */
export const MAX_LOWS = 32;

/**
 * The two token buckets of a key. A level is what is taken and has not leaked yet, in token-milliseconds: one token is
 * WINDOW_MS of them and a limit of n per window leaks n of them per millisecond. So all arithmetic is on whole numbers
 * (exact in a double up to 2^53: limits up to 2^32 fit), and the Lua script of Redis computes the very same.
 *
 * `lows` answers one question: how low was the token level since a given reservation? Taking a charge back as if it had never
 * been made lowers today's level by exactly min(charge, lowest level since): what leaked of it meanwhile would
 * otherwise have leaked from nothing. Refunding more than that lets a key use more than its limit. It is the monotone
 * stack of sliding-window minima: pairs (sequence, level), both increasing.
 */
export interface Bucket {
  /** When the levels were true, ms since 1970. Never goes back. */
  at: number;
  /** Number of the last change; starts at `firstSequence(at)`. */
  sequence: number;
  requests: number;
  tokens: number;
  lows: number[];
}

/** Sequences of a bucket made anew are above all those of its predecessors (up to 1,000 changes per ms and key). */
export function firstSequence(now: number): number {
  return now * 1_000;
}

export function emptyBucket(now: number): Bucket {
  const sequence = firstSequence(now);
  return { at: now, sequence, requests: 0, tokens: 0, lows: [sequence, 0] };
}

export function leak(bucket: Bucket, limits: KeyLimits, now: number): void {
  const elapsed = now - bucket.at;
  if (elapsed <= 0) return;
  bucket.at = now;
  bucket.requests = Math.max(0, bucket.requests - elapsed * limits.requestsPerMinute);
  bucket.tokens = Math.max(0, bucket.tokens - elapsed * limits.tokensPerMinute);
}

/** Takes one request and prompt + output tokens, or nothing, from a bucket that has leaked up to now. */
export function take(bucket: Bucket, limits: KeyLimits, promptTokens: number, outputTokens: number): Decision {
  const left = remaining(bucket.tokens, limits.tokensPerMinute);
  const output = outputTokens > 0 ? outputTokens : Math.max(1, Math.min(limits.defaultMaxTokens, left - promptTokens));
  const needed = promptTokens + output;
  if (needed > limits.tokensPerMinute) return refusal(bucket, limits, 'tokens_per_minute', 0);

  const requestsWait = wait(bucket.requests, limits.requestsPerMinute, 1);
  const tokensWait = wait(bucket.tokens, limits.tokensPerMinute, needed);
  if (requestsWait > 0 || tokensWait > 0) {
    return requestsWait > tokensWait
      ? refusal(bucket, limits, 'requests_per_minute', requestsWait)
      : refusal(bucket, limits, 'tokens_per_minute', tokensWait);
  }
  bucket.sequence += 1;
  noteLow(bucket);
  bucket.requests += WINDOW_MS;
  bucket.tokens += needed * WINDOW_MS;
  return admission(bucket, limits, output);
}

/** Changes a reservation of `reserved` tokens made at `sequence` into `used` ones. More than reserved is charged as of now. */
export function adjust(bucket: Bucket, reserved: number, used: number, sequence: number): void {
  if (used < reserved) {
    takeBack(bucket, (reserved - used) * WINDOW_MS, sequence);
  } else {
    bucket.sequence += 1;
    noteLow(bucket);
    bucket.tokens += (used - reserved) * WINDOW_MS;
  }
}

/** Charges tokens that were used `ageMs` ago without a reservation, less what has leaked since. */
export function charge(bucket: Bucket, limits: KeyLimits, used: number, ageMs: number): void {
  bucket.sequence += 1;
  noteLow(bucket);
  bucket.tokens += Math.max(0, used * WINDOW_MS - ageMs * limits.tokensPerMinute);
}

export function admission(bucket: Bucket, limits: KeyLimits, grantedOutputTokens: number): Decision {
  return {
    allowed: true,
    grantedOutputTokens,
    refusedBy: undefined,
    retryAfterMs: 0,
    requests: state(bucket.requests, limits.requestsPerMinute),
    tokens: state(bucket.tokens, limits.tokensPerMinute),
  };
}

/** When both levels will have leaked away, ms since 1970: from then on the bucket need not be kept. */
export function fullAt(bucket: Bucket, limits: KeyLimits): number {
  return (
    bucket.at + Math.ceil(Math.max(bucket.requests / limits.requestsPerMinute, bucket.tokens / limits.tokensPerMinute))
  );
}

function refusal(bucket: Bucket, limits: KeyLimits, refusedBy: Decision['refusedBy'], retryAfterMs: number): Decision {
  return { ...admission(bucket, limits, 0), allowed: false, refusedBy, retryAfterMs };
}

function state(level: number, limit: number): DimensionState {
  return { remaining: remaining(level, limit), resetMs: Math.ceil(level / limit) };
}

function remaining(level: number, limit: number): number {
  return Math.max(0, Math.floor((limit * WINDOW_MS - level) / WINDOW_MS));
}

/** Milliseconds until `amount` fits. */
function wait(level: number, limit: number, amount: number): number {
  return Math.max(0, Math.ceil((level + amount * WINDOW_MS - limit * WINDOW_MS) / limit));
}

/** Makes a charge undone since `sequence`: today's level and every low since then fall by the same amount. */
function takeBack(bucket: Bucket, surplus: number, sequence: number): void {
  const { lows } = bucket;
  let first = 0;
  while (first < lows.length && lows[first]! <= sequence) first += 2;
  const lowest = first < lows.length ? Math.min(bucket.tokens, lows[first + 1]!) : bucket.tokens;
  const refund = Math.min(surplus, lowest);
  bucket.tokens -= refund;
  for (let i = first; i < lows.length; i += 2) lows[i + 1]! -= refund;
  // Earlier lows that are no longer below the first of the later ones say nothing any more.
  let keep = first;
  while (first < lows.length && keep > 0 && lows[keep - 1]! >= lows[first + 1]!) keep -= 2;
  lows.splice(keep, first - keep);
}

function noteLow({ lows, sequence, tokens }: Bucket): void {
  while (lows.length > 0 && lows[lows.length - 1]! >= tokens) lows.length -= 2;
  lows.push(sequence, tokens);
  if (lows.length <= 2 * MAX_LOWS) return;
  let nearest = 2;
  for (let i = 4; i < lows.length; i += 2) {
    if (lows[i + 1]! - lows[i - 1]! < lows[nearest + 1]! - lows[nearest - 1]!) nearest = i;
  }
  lows[nearest - 2] = lows[nearest]!;
  lows.splice(nearest, 2);
}
