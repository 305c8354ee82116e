import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import type { limits } from '@flotilla/contracts';
import type { Refusal } from './limit-reached.ts';
import { LocalLimits } from './local-limits.ts';
import { keySubject } from './subject.fixture.ts';

/** Exactly so many tokens. */
const take = (local: LocalLimits, subjects: limits.Subject[], promptTokens: number) =>
  local.take(subjects, { promptTokens, outputTokens: 0, defaultOutputTokens: 0, leastOutputTokens: 0 });
const key = keySubject({ requestsPerMinute: 60, tokensPerMinute: 6_000 });
const org = keySubject({ kind: 'org', id: 'o', tokensPerMinute: 1_000 });

describe('local limits', () => {
  it('never refuse who stays within the limit, from the first minute on', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    for (let minute = 0; minute < 5; minute += 1) {
      for (let request = 0; request < 60; request += 1) expect(take(local, [key], 100)).toBe(0);
      clock.advance(60_000);
    }
  });

  it('stop a flood at twice the limit, and say when a request can pass', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    for (let request = 0; request < 120; request += 1) expect(take(local, [key], 0)).toBe(0);
    const refusal = take(local, [key], 0) as Refusal;
    expect(refusal).toMatchObject({ refusedBy: 'requests_per_minute', refusedScope: 'key', retryAfterMs: 500 });
    expect(refusal.limits).toMatchObject([{ limit: 60, remaining: 0 }]);
    clock.advance(500);
    expect(take(local, [key], 0)).toBe(0);
  });

  it('take from every subject or from none', () => {
    const local = new LocalLimits(createFakeClock());
    expect(take(local, [key, org], 2_000)).toBe(0);
    expect(take(local, [key, org], 1)).toMatchObject({ refusedBy: 'tokens_per_minute', refusedScope: 'org' });
    // The key still has all but the 2,000 of its 12,000.
    expect(take(local, [key], 10_000)).toBe(0);
  });

  it('tell a request that can never pass from one that can later', () => {
    const local = new LocalLimits(createFakeClock());
    expect(take(local, [org], 2_001)).toMatchObject({ retryAfterMs: 0 });
    expect(take(local, [org], 2_000)).toBe(0);
    expect(take(local, [org], 2_000)).toMatchObject({ retryAfterMs: 60_000 });
  });

  it('limit nothing where a plan has no limit per minute', () => {
    const local = new LocalLimits(createFakeClock());
    const unlimited = keySubject({ tokensPerMonth: 5 });
    for (let request = 0; request < 1_000; request += 1) expect(take(local, [unlimited], 1e9)).toBe(0);
  });

  it('follow a limit that changes', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    take(local, [key], 0);
    expect(take(local, [keySubject({})], 1e9)).toBe(0);
    expect(take(local, [keySubject({ tokensPerMinute: 10 })], 21)).toMatchObject({ refusedBy: 'tokens_per_minute' });
  });

  it('give a request without a maximum what is left of the default, and no less than it can do with', () => {
    const local = new LocalLimits(createFakeClock());
    const need = { promptTokens: 500, outputTokens: 0, defaultOutputTokens: 4_096, leastOutputTokens: 1 };
    expect(local.take([org], need)).toBe(1_500);
    expect(local.take([org], need)).toMatchObject({ refusedBy: 'tokens_per_minute' });
    expect(local.take([key], need)).toBe(4_096);
  });
});
