import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { adjust, emptyBucket, leak, MAX_LOWS, take, WINDOW_MS, type Bucket } from './bucket.ts';
import type { KeyLimits } from './limit-store.ts';

const limits: KeyLimits = { requestsPerMinute: 10, tokensPerMinute: 1_000, defaultMaxTokens: 300 };

interface Charge {
  at: number;
  tokens: number;
  reserved: number;
  sequence: number;
}

/** What the token level is when exactly these charges were made, computed from the whole history. */
function levelOf(charges: readonly Charge[], now: number, { tokensPerMinute }: KeyLimits): number {
  let level = 0;
  let last = charges[0]?.at ?? now;
  for (const { at, tokens } of charges) {
    level = Math.max(0, level - (at - last) * tokensPerMinute) + tokens * WINDOW_MS;
    last = at;
  }
  return Math.max(0, level - (now - last) * tokensPerMinute);
}

type Step =
  { kind: 'pass'; ms: number } | { kind: 'reserve'; tokens: number } | { kind: 'settle'; which: number; share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constant('reserve' as const), tokens: fc.integer({ min: 2, max: 1_000 }) }),
  fc.record({ kind: fc.constant('settle' as const), which: fc.nat(), share: fc.integer({ min: 0, max: 100 }) }),
);

/** Plays steps on a bucket and calls back after each with what the history says was charged. */
function play(steps: readonly Step[], after: (bucket: Bucket, charges: Charge[], now: number) => void) {
  let now = 1_700_000_000_000;
  const many = { ...limits, requestsPerMinute: 1_000_000 };
  const bucket = emptyBucket(now);
  const charges: Charge[] = [];
  const open: Charge[] = [];
  for (const each of steps) {
    leak(bucket, many, now);
    if (each.kind === 'pass') {
      now += each.ms;
    } else if (each.kind === 'reserve') {
      if (take(bucket, many, 1, each.tokens - 1).allowed) {
        const made = { at: now, tokens: each.tokens, reserved: each.tokens, sequence: bucket.sequence };
        charges.push(made);
        open.push(made);
      }
    } else if (open.length > 0) {
      const [settled] = open.splice(each.which % open.length, 1);
      settled!.tokens = Math.floor((settled!.reserved * each.share) / 100);
      adjust(bucket, settled!.reserved, settled!.tokens, settled!.sequence);
    }
    leak(bucket, many, now);
    after(bucket, charges, now);
  }
}

describe('a bucket', () => {
  it('holds, after any reserves and settlements, exactly what was used: as if the surplus had never been reserved', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        play(steps, (bucket, charges, now) => {
          expect(bucket.tokens).toBe(levelOf(charges, now, limits));
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it('never lets more than the limit and its refill be used in any span of time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let all: Charge[] = [];
        play(steps, (_bucket, charges) => (all = charges));
        for (let from = 0; from < all.length; from += 1) {
          let used = 0;
          for (let to = from; to < all.length; to += 1) {
            used += all[to]!.tokens;
            const refill = ((all[to]!.at - all[from]!.at) * limits.tokensPerMinute) / WINDOW_MS;
            expect(used).toBeLessThanOrEqual(limits.tokensPerMinute + refill);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps a bounded history and then returns less rather than more', () => {
    const now = 1_700_000_000_000;
    const bucket = emptyBucket(now);
    const wide = { requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000, defaultMaxTokens: 1 };
    const sequences: number[] = [];
    for (let i = 0; i < 500; i += 1) {
      take(bucket, wide, 100, 100);
      sequences.push(bucket.sequence);
      expect(bucket.lows.length).toBeLessThanOrEqual(2 * MAX_LOWS);
    }
    let used = 500 * 200;
    for (const sequence of sequences) {
      adjust(bucket, 200, 150, sequence);
      used -= 50;
      expect(bucket.tokens).toBeGreaterThanOrEqual(used * WINDOW_MS);
    }
    // What a merged history withholds is small.
    expect(bucket.tokens).toBeLessThan(used * 1.1 * WINDOW_MS);
  });

  it('says when a refused request could pass, to the millisecond', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 999 }),
        fc.integer({ min: 1, max: 999 }),
        (limit, first, second) => {
          const some = { requestsPerMinute: 7, tokensPerMinute: limit, defaultMaxTokens: 1 };
          const bucket = emptyBucket(0);
          take(bucket, some, 0, Math.min(first, limit));
          const asked = Math.min(second, limit);
          const refused = take(bucket, some, 0, asked);
          if (refused.allowed) return;
          expect(refused.refusedBy).toBe('tokens_per_minute');
          leak(bucket, some, refused.retryAfterMs - 1);
          expect(take(bucket, some, 0, asked).allowed).toBe(false);
          leak(bucket, some, refused.retryAfterMs);
          expect(take(bucket, some, 0, asked).allowed).toBe(true);
        },
      ),
    );
  });

  it('grants an unnamed maximum what the tier says, or what is left after the prompt', () => {
    const bucket = emptyBucket(0);
    expect(take(bucket, limits, 100, 0)).toMatchObject({ allowed: true, grantedOutputTokens: 300 });
    expect(take(bucket, limits, 500, 0)).toMatchObject({ allowed: true, grantedOutputTokens: 100 });
    expect(take(bucket, limits, 1, 0)).toMatchObject({ allowed: false, refusedBy: 'tokens_per_minute' });
  });

  it('tells what can never pass from what must wait', () => {
    const bucket = emptyBucket(0);
    expect(take(bucket, limits, 1, 1_000)).toMatchObject({
      allowed: false,
      refusedBy: 'tokens_per_minute',
      retryAfterMs: 0,
    });
    expect(take(bucket, limits, 1_000, 0)).toMatchObject({ allowed: false, retryAfterMs: 0 });
    expect(take(bucket, limits, 1, 999).allowed).toBe(true);
    expect(take(bucket, limits, 1, 999)).toMatchObject({ allowed: false, retryAfterMs: 60_000 });
  });

  it('takes nothing of any dimension when one refuses', () => {
    const bucket = emptyBucket(0);
    for (let i = 0; i < 10; i += 1) expect(take(bucket, limits, 0, 1).allowed).toBe(true);
    const before = { ...bucket };
    expect(take(bucket, limits, 0, 1)).toMatchObject({
      allowed: false,
      refusedBy: 'requests_per_minute',
      retryAfterMs: 6_000,
    });
    expect({ requests: bucket.requests, tokens: bucket.tokens }).toEqual({
      requests: before.requests,
      tokens: before.tokens,
    });
  });
});
