import { expect, it } from '@jest/globals';
import { newSecret, systemRandom } from './ids.ts';

it('gives ids that never repeat and sort by their time', () => {
  const ids = Array.from({ length: 5_000 }, () => systemRandom.id('req_'));
  expect(ids.every((id) => /^req_[0-9a-f]{32}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  const times = ids.map((id) => id.slice(4, 16));
  expect(times).toEqual(times.toSorted());
  expect(Math.abs(Number.parseInt(times[0]!, 16) - Date.now())).toBeLessThan(60_000);
});

it('gives secrets of the size asked for', () => {
  expect(Buffer.from(newSecret(24), 'base64url')).toHaveLength(24);
  expect(newSecret()).not.toBe(newSecret());
});
