import { describe, expect, it } from '@jest/globals';
import { startOrder } from './target-order.ts';
import { needs } from './targets.ts';

describe('the order of the targets', () => {
  it('puts each target after all that it needs', () => {
    const order = startOrder(needs);
    for (const [name, needed] of Object.entries(needs)) {
      for (const before of needed) expect(order.indexOf(before)).toBeLessThan(order.indexOf(name));
    }
    expect(order).toHaveLength(7);
  });

  it('refuses a cycle and names it', () => {
    expect(() => startOrder({ a: ['b'], b: ['c'], c: ['a'] })).toThrow('a → b → c → a');
  });

  it('refuses a need that is no target', () => {
    expect(() => startOrder({ a: ['z'] })).toThrow('a needs z, which is no target');
  });
});
