import { expect, it } from '@jest/globals';
import { OutcomeTally } from './outcome-tally.ts';

it('adds up what routers tell', () => {
  const tally = new OutcomeTally();
  tally.add({ answered: 2, failed: 1, ttftMs: [10, 20] });
  tally.add({ answered: 1, failed: 0, ttftMs: [30] });
  expect(tally.total()).toEqual({ answered: 3, failed: 1, ttftMs: [10, 20, 30] });
});

it('keeps the newest times, the newest last', () => {
  const tally = new OutcomeTally();
  for (let i = 0; i < 1_000; i += 1) tally.add({ answered: 1, failed: 0, ttftMs: [i] });
  const { answered, ttftMs } = tally.total();
  expect(answered).toBe(1_000);
  expect(ttftMs).toEqual(Array.from({ length: 512 }, (_, i) => 488 + i));
});
