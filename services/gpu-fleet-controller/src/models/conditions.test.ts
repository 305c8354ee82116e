import { expect, it } from '@jest/globals';
import { conditionsAfter } from './conditions.ts';

const ready = { type: 'Ready', status: 'True', reason: 'Serving', message: '1 of 1' } as const;

it('keeps the time of a condition until its status changes', () => {
  const first = conditionsAfter([], [ready], 1_000, 1);
  const second = conditionsAfter(first, [{ ...ready, message: '2 of 2' }], 2_000, 2);
  expect(second).toEqual([
    { ...ready, message: '2 of 2', lastTransitionTime: new Date(1_000).toISOString(), observedGeneration: 2 },
  ]);
  const third = conditionsAfter(second, [{ ...ready, status: 'False' }], 3_000, 2);
  expect(third[0]!.lastTransitionTime).toBe(new Date(3_000).toISOString());
});
