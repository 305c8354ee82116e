import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { RecentTimes } from './recent-times.ts';

describe('recent times', () => {
  it('tell quantiles to a tenth', () => {
    const times = new RecentTimes(createFakeClock(), 60_000);
    for (let ms = 1; ms <= 1_000; ms += 1) times.add(ms);
    for (const [q, ms] of [
      [0.5, 500],
      [0.95, 950],
      [1, 1_000],
    ] as const) {
      expect(times.quantile(q)).toBeGreaterThanOrEqual(ms);
      expect(times.quantile(q)).toBeLessThanOrEqual(ms * 1.1);
    }
  });

  it('forget what is older than their window, at once or after a long silence', () => {
    const clock = createFakeClock();
    const times = new RecentTimes(clock, 60_000);
    times.add(5_000);
    clock.advance(30_000);
    times.add(10);
    expect(times.count).toBe(2);
    clock.advance(30_000);
    expect(times.count).toBe(1);
    expect(times.quantile(1)).toBeLessThan(12);
    times.add(10);
    clock.advance(3_600_000);
    expect(times.count).toBe(0);
    expect(times.quantile(0.5)).toBe(0);
  });

  it('take what is beyond their range for the range’s ends', () => {
    const times = new RecentTimes(createFakeClock(), 1_000);
    times.add(0);
    expect(times.quantile(1)).toBe(1);
    times.add(1e12);
    expect(times.quantile(1)).toBeGreaterThan(5e6);
  });
});
