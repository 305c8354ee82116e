import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { RetryBudget } from './retry-budget.ts';

const taken = (budget: RetryBudget, tries: number, underWay = 0) =>
  Array.from({ length: tries }, () => budget.take(underWay)).filter(Boolean).length;

describe('the budget of further tries', () => {
  it('is a share of the requests, above a minimum', () => {
    const budget = new RetryBudget(createFakeClock(), { share: 0.2, perSecond: 1 });
    for (let i = 0; i < 100; i += 1) budget.request();
    expect(taken(budget, 100)).toBe(20 + 10);
  });

  it('looks back ten seconds', () => {
    const clock = createFakeClock();
    const budget = new RetryBudget(clock, { share: 0.2, perSecond: 0 });
    for (let i = 0; i < 100; i += 1) budget.request();
    clock.advance(5_000);
    expect(taken(budget, 15)).toBe(15);
    clock.advance(4_999);
    expect(taken(budget, 15)).toBe(5);
    clock.advance(1);
    expect(taken(budget, 15)).toBe(0);
    for (let i = 0; i < 100; i += 1) budget.request();
    expect(taken(budget, 30)).toBe(0);
    clock.advance(5_000);
    expect(taken(budget, 30)).toBe(15);
    clock.advance(1_000_000);
    expect(taken(budget, 1)).toBe(0);
  });

  it('counts those under way that began long ago', () => {
    const budget = new RetryBudget(createFakeClock(), { share: 0.2, perSecond: 0 });
    budget.request();
    expect(taken(budget, 100, 50)).toBe(10);
  });

  it('never lets more than its share through, however requests and failures come', () => {
    const clock = createFakeClock();
    const budget = new RetryBudget(clock, { share: 0.05, perSecond: 0 });
    let requests = 0;
    let extra = 0;
    for (let i = 0; i < 5_000; i += 1) {
      budget.request();
      requests += 1;
      if (budget.take()) extra += 1;
      clock.advance(7);
    }
    expect(extra / requests).toBeLessThanOrEqual(0.05 + 0.001);
    expect(extra / requests).toBeGreaterThan(0.045);
  });
});
