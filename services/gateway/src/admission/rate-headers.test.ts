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
});
