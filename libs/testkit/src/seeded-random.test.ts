import { describe, expect, it } from '@jest/globals';
import { createSeededRandom } from './index.ts';

describe('seeded randomness', () => {
  it('repeats for a seed and differs between seeds', () => {
    const draw = (seed: number) => {
      const random = createSeededRandom(seed);
      return [random.next(), random.id('req_'), random.next()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('has the shape of the real one: uniform in [0, 1), ids of 32 hexadecimal digits', () => {
    const random = createSeededRandom();
    const numbers = Array.from({ length: 10_000 }, () => random.next());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(numbers.reduce((sum, each) => sum + each, 0) / numbers.length).toBeCloseTo(0.5, 1);
    expect(random.id('req_')).toMatch(/^req_[0-9a-f]{32}$/);
  });
});
