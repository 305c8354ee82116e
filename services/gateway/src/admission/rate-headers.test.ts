import { describe, expect, it } from '@jest/globals';
import { formatReset, rateHeaders } from './rate-headers.ts';

describe('the headers of limits', () => {
  it.each([
    [0, '0ms'],
    [12, '12ms'],
    [999.2, '1000ms'],
    [1_500, '1.5s'],
    [59_900, '59.9s'],
    [59_990, '1m0s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [7_505_000, '2h5m5s'],
  ])('write %s ms as %s', (ms, text) => {
    expect(formatReset(ms)).toBe(text);
  });

  it('show the tighter of two limits of a kind', () => {
    const state = (name: string, limit: number, remaining: number) => ({
      name,
      limit,
      remaining,
      resetMs: 5,
      windowMs: 60_000,
      scope: 'key',
    });
    const headers = rateHeaders([state('requests_per_minute', 10, 9), state('requests_per_day', 100, 1)]);
    expect(headers.slice(0, 4)).toEqual(['x-ratelimit-limit-requests', '100', 'x-ratelimit-remaining-requests', '1']);
  });

  it('list every limit in the terms of the IETF draft, by whose it is', () => {
    const limit = (name: string, scope: string, windowMs: number) => ({
      ...{ name, scope, windowMs, limit: 100, remaining: 49.7, resetMs: 29_100 },
    });
    const headers = rateHeaders([
      limit('requests_per_minute', 'key', 60_000),
      limit('tokens_per_week', 'org', 604_800_000),
      { ...limit('concurrent_requests', 'user', 0), remaining: -3 },
    ]);
    expect(headers.slice(-4)).toEqual([
      'RateLimit-Policy',
      '"rpm";q=100;w=60, "org-tpw";q=100;w=604800, "user-concurrent";q=100',
      'RateLimit',
      '"rpm";r=49;t=30, "org-tpw";r=49;t=30, "user-concurrent";r=0',
    ]);
  });

  it('say nothing when nobody could tell', () => {
    expect(rateHeaders([])).toEqual([]);
  });
});
