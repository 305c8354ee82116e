import { beforeEach, describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { Watchdog, type Watched } from './watchdog.ts';

describe('the limits of time', () => {
  let now: number;
  let tick: () => void;
  let watchdog: Watchdog;
  let checks: number[];
  const watched: Watched = { check: (at) => void checks.push(at) };
  /** The next tick comes after so many milliseconds. */
  const after = (ms: number) => {
    now += ms;
    tick();
  };

  beforeEach(() => {
    [now, checks] = [0, []];
    const every = (_: number, run: () => void) => {
      tick = run;
      return { cancel: () => undefined };
    };
    watchdog = new Watchdog({ ...createFakeClock(), monotonic: () => now, every });
    watchdog.add(watched);
  });

  it('are looked at every tick, also where the machine is a little behind', () => {
    for (const ms of [25, 60, 100]) after(ms);
    expect(checks).toEqual([25, 85, 185]);
  });

  it('let what came while the process stood still be read first, by one tick', () => {
    after(25);
    after(3_000);
    expect(checks).toEqual([25]);
    after(25);
    expect(checks).toEqual([25, 3_050]);
  });

  it('hold also where the process stands still again and again', () => {
    for (let i = 0; i < 6; i += 1) after(1_000);
    expect(checks).toEqual([2_000, 4_000, 6_000]);
  });
});

describe('the timer of the limits', () => {
  it('runs while there is something to watch, and ends by itself', () => {
    const clock = createFakeClock();
    const watchdog = new Watchdog(clock);
    let checks = 0;
    const watched = { check: () => void (checks += 1) };
    watchdog.add(watched);
    clock.advance(100);
    expect(checks).toBe(4);
    watchdog.remove(watched);
    clock.advance(25);
    expect(clock.pending).toBe(0);
    clock.advance(10_000);
    watchdog.add(watched);
    clock.advance(25);
    expect(checks).toBe(5);
  });
});
