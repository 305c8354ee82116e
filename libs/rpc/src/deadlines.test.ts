import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { FlotillaError, type Clock } from '@flotilla/kernel';
import { DeadlineWheel, type Expiring } from './deadlines.ts';
import { RetryBudget } from './retry-budget.ts';

/** A clock that moves when told. */
function handClock() {
  let now = 0;
  const periods = new Set<{ ms: number; next: number; run: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: () => ({ cancel: () => undefined }),
    every(ms, run) {
      const period = { ms, next: now + ms, run };
      periods.add(period);
      return { cancel: () => periods.delete(period) };
    },
  };
  const advance = (ms: number) => {
    now += ms;
    for (const period of periods) {
      if (period.next > now) continue;
      period.next = now + period.ms;
      period.run();
    }
  };
  return { clock, advance, timers: () => periods.size };
}

function entry(deadline: number, expired: number[]): Expiring {
  return {
    deadline,
    wheelSlot: -1,
    wheelIndex: -1,
    expire: () => void expired.push(deadline),
    cancel: () => undefined,
  };
}

describe('the wheel of deadlines', () => {
  it('expires every entry once, none early and none later than two ticks, unless it was removed', () => {
    const step = fc.record({
      add: fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 5 }),
      remove: fc.nat(3),
      // Also a process that stood still for longer than a turn of the wheel.
      advance: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(9_000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, advance } = handClock();
        const wheel = new DeadlineWheel(clock);
        const live = new Map<Expiring, number>();
        for (const { add, remove, advance: by } of steps) {
          const expired: number[] = [];
          for (const ms of add) {
            const deadline = clock.monotonic() + ms;
            const added: Expiring = {
              ...entry(deadline, expired),
              expire() {
                expect(deadline).toBeLessThanOrEqual(clock.monotonic());
                expect(live.delete(added)).toBe(true);
              },
            };
            live.set(added, deadline);
            wheel.add(added);
          }
          for (const gone of [...live.keys()].slice(0, remove)) {
            live.delete(gone);
            wheel.remove(gone);
          }
          advance(by);
          advance(4);
          for (const deadline of live.values()) expect(deadline).toBeGreaterThan(clock.monotonic() - 4 - 4);
        }
      }),
    );
  });

  it('keeps no timer while nothing has a deadline', () => {
    const { clock, advance, timers } = handClock();
    const wheel = new DeadlineWheel(clock);
    const expired: number[] = [];
    wheel.add(entry(Infinity, expired));
    expect(timers()).toBe(0);
    wheel.add(entry(10, expired));
    expect(timers()).toBe(1);
    for (let turn = 0; turn < 300; turn += 1) advance(4);
    expect(expired).toEqual([10]);
    expect(timers()).toBe(0);
  });

  it('cancels what it holds when it closes', () => {
    const wheel = new DeadlineWheel(handClock().clock);
    const reasons: string[] = [];
    wheel.add({ ...entry(10, []), cancel: ({ code }) => void reasons.push(code) });
    wheel.close(new FlotillaError('unavailable'));
    expect(reasons).toEqual(['unavailable']);
  });
});

describe('the budget of retries', () => {
  it('allows one retry for ten calls and three a second, and saves up no more than a hundred', () => {
    const { clock, advance } = handClock();
    const budget = new RetryBudget(clock);
    const spend = () => {
      let taken = 0;
      while (budget.take()) taken += 1;
      return taken;
    };
    expect(spend()).toBe(3);
    for (let call = 0; call < 105; call += 1) budget.onCall();
    expect(spend()).toBe(10);
    advance(1_000);
    expect(spend()).toBe(3);
    for (let call = 0; call < 100_000; call += 1) budget.onCall();
    expect(spend()).toBe(100);
  });
});
