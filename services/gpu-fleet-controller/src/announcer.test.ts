import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { Announcer } from './announcer.ts';

function started() {
  const clock = createFakeClock();
  const told: number[] = [];
  const announcer = new Announcer(async () => void told.push(clock.monotonic()), clock);
  announcer.start();
  clock.advance(0);
  return { clock, told, announcer };
}

describe('the state of the engines', () => {
  it('is told at once when a state changes, once for all changes of a turn', () => {
    const { clock, told, announcer } = started();
    clock.advance(100);
    announcer.changed('state');
    announcer.changed('state');
    clock.advance(0);
    expect(told).toEqual([0, 100]);
  });

  it('is told at most every second when only load changes, and a change of state goes before', () => {
    const { clock, told, announcer } = started();
    for (let ms = 0; ms < 2_000; ms += 10) {
      announcer.changed('load');
      clock.advance(10);
    }
    expect(told).toEqual([0, 1_000, 2_000]);
    announcer.changed('load');
    announcer.changed('state');
    clock.advance(0);
    expect(told).toHaveLength(4);
  });

  it('is told now and then without any change, and no more after the end', () => {
    const { clock, told, announcer } = started();
    clock.advance(30_000);
    expect(told).toEqual([0, 10_000, 20_000, 30_000]);
    announcer.stop();
    announcer.changed('state');
    clock.advance(30_000);
    expect(told).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });
});
