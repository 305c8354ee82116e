import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { LocalLimits } from './local-limits.ts';
import { keySubject } from './subject.fixture.ts';

const key = keySubject({ requestsPerMinute: 60, tokensPerMinute: 6_000 });
const org = keySubject({ kind: 'org', id: 'o', tokensPerMinute: 1_000 });

describe('local limits', () => {
  it('never refuse who stays within the limit, from the first minute on', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    for (let minute = 0; minute < 5; minute += 1) {
      for (let request = 0; request < 60; request += 1) expect(local.take([key], 100)).toBeUndefined();
      clock.advance(60_000);
    }
  });

  it('stop a flood at twice the limit, and say when a request can pass', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    for (let request = 0; request < 120; request += 1) expect(local.take([key], 0)).toBeUndefined();
    const refusal = local.take([key], 0)!;
    expect(refusal).toMatchObject({ refusedBy: 'requests_per_minute', refusedScope: 'key', retryAfterMs: 500 });
    expect(refusal.limits).toMatchObject([{ limit: 60, remaining: 0 }]);
    clock.advance(500);
    expect(local.take([key], 0)).toBeUndefined();
  });

  it('take from every subject or from none', () => {
    const local = new LocalLimits(createFakeClock());
    expect(local.take([key, org], 2_000)).toBeUndefined();
    expect(local.take([key, org], 1)).toMatchObject({ refusedBy: 'tokens_per_minute', refusedScope: 'org' });
    // The key still has all but the 2,000 of its 12,000.
    expect(local.take([key], 10_000)).toBeUndefined();
  });

  it('tell a request that can never pass from one that can later', () => {
    const local = new LocalLimits(createFakeClock());
    expect(local.take([org], 2_001)).toMatchObject({ retryAfterMs: 0 });
    expect(local.take([org], 2_000)).toBeUndefined();
    expect(local.take([org], 2_000)).toMatchObject({ retryAfterMs: 60_000 });
  });

  it('limit nothing where a plan has no limit per minute', () => {
    const local = new LocalLimits(createFakeClock());
    const unlimited = keySubject({ tokensPerMonth: 5 });
    for (let request = 0; request < 1_000; request += 1) expect(local.take([unlimited], 1e9)).toBeUndefined();
  });

  it('follow a limit that changes', () => {
    const clock = createFakeClock();
    const local = new LocalLimits(clock);
    local.take([key], 0);
    expect(local.take([keySubject({})], 1e9)).toBeUndefined();
    expect(local.take([keySubject({ tokensPerMinute: 10 })], 21)).toMatchObject({ refusedBy: 'tokens_per_minute' });
  });
});
