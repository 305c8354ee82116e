import { describe, expect, it } from '@jest/globals';
import { readTrail, trailHeaders } from './trail.ts';

describe('the trail of a request', () => {
  it('grows by the region it leaves', () => {
    const first = trailHeaders(readTrail({}), 'eu');
    expect(first).toEqual({ 'x-flotilla-hops': '1', 'x-flotilla-via': 'eu' });
    expect(trailHeaders(readTrail(first), 'us')).toEqual({ 'x-flotilla-hops': '2', 'x-flotilla-via': 'eu, us' });
  });

  it.each([
    [{ 'x-flotilla-hops': '-5' }],
    [{ 'x-flotilla-hops': '1e9' }],
    [{ 'x-flotilla-hops': '' }],
    [{ 'x-flotilla-via': Array(9).fill('x').join(',') }],
  ])('that makes no sense goes nowhere: %j', (headers) => expect(readTrail(headers).hops).toBe(Infinity));

  it('counts the names, whatever the count says', () => {
    expect(readTrail({ 'x-flotilla-hops': '0', 'x-flotilla-via': 'eu, us' }).hops).toBe(2);
  });
});
