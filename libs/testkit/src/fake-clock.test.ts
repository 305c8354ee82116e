import { describe, expect, it } from '@jest/globals';
import { sleep } from '@flotilla/kernel';
import fc from 'fast-check';
import { createFakeClock } from './index.ts';

describe('a fake clock', () => {
  it('stands still until it is moved', () => {
    const clock = createFakeClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  it('runs each timer at its own time, in order, also those that timers set', () => {
    const clock = createFakeClock(0);
    const seen: [string, number][] = [];
    const note = (name: string) => () => void seen.push([name, clock.now()]);
    clock.after(30, note('late'));
    clock.after(10, () => {
      note('early')();
      clock.after(5, note('nested'));
    });
    clock.after(10, note('second'));
    clock.advance(29);
    expect(seen).toEqual([
      ['early', 10],
      ['second', 10],
      ['nested', 15],
    ]);
    clock.advance(1);
    expect(seen.at(-1)).toEqual(['late', 30]);
    expect(clock.pending).toBe(0);
  });

  it('repeats until it is cancelled, also by the timer itself', () => {
    const clock = createFakeClock();
    let runs = 0;
    const timer = clock.every(10, () => {
      runs += 1;
      if (runs === 3) timer.cancel();
    });
    clock.advance(100);
    expect(runs).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it('lets code await between timers', async () => {
    const clock = createFakeClock(0);
    const times: number[] = [];
    const loop = (async () => {
      for (let i = 0; i < 3; i += 1) {
        await sleep(clock, 10);
        times.push(clock.now());
      }
    })();
    await clock.advanceAsync(30);
    await loop;
    expect(times).toEqual([10, 20, 30]);
  });

  it('fires every timer once, never early and never out of order', () => {
    const timers = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 });
    fc.assert(
      fc.property(timers, fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 8 }), (delays, moves) => {
        const clock = createFakeClock(0);
        const fired: number[] = [];
        for (const delay of delays) {
          clock.after(delay, () => {
            expect(clock.now()).toBe(delay);
            fired.push(delay);
          });
        }
        for (const move of moves) clock.advance(move);
        const now = moves.reduce((sum, move) => sum + move, 0);
        const due = moves.length === 0 ? [] : delays.filter((delay) => delay <= now);
        expect(fired).toEqual(due.sort((a, b) => a - b));
      }),
    );
  });
});
