import { describe, expect, it } from '@jest/globals';
import { nearNames } from './near-names.ts';

describe('names near to one that is not there', () => {
  const names = ['llama-3.1-8b', 'llama-3.1-70b', 'llama-3.2-8b', 'llama-3.1-8c', 'mistral', 'm'];

  it('are at most three, the nearest first, and none that are far', () => {
    expect(nearNames('Llama-3.1-8b', names)).toEqual(['llama-3.1-8b', 'llama-3.1-8c', 'llama-3.2-8b']);
    expect(nearNames('mistrall', names)).toEqual(['mistral']);
    expect(nearNames('gpt-4o', names)).toEqual([]);
    expect(nearNames('', names)).toEqual(['m']);
  });

  it('are found in bounded work, however long the name', () => {
    expect(nearNames('x'.repeat(1_000_000), ['x'.repeat(100), 'x'.repeat(101)])).toEqual(['x'.repeat(100)]);
  });
});
