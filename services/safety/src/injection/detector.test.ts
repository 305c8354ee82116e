import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attacks } from './attacks.fixture.ts';
import { benign } from './benign.fixture.ts';
import { findInjections } from './detector.ts';
import { meanings } from './lexicon.ts';

const blocked = (text: string) => findInjections(text).length > 0;

describe('prompt injection', () => {
  // | own data set       | size | now             | bound  | first batch unseen | second batch unseen |
  // | attacks.fixture.ts |   96 | 96.9 % recalled | ≥ 95 % | 93 % of 71         | 60 % of 25          |
  // | benign.fixture.ts  |  153 | 0.7 % blocked   | ≤ 1 %  | 2.3 % of 128       | 4 % of 25           |
  // The rules were corrected by both batches since. On attacks in new words expect what the second batch met.
  it('recalls at least 95 % of our attacks', () => {
    const missed = attacks.filter((text) => !blocked(text));
    expect(missed.length <= attacks.length * 0.05 ? [] : missed).toEqual([]);
  });

  it('blocks at most 1 % of benign look-alikes', () => {
    const wrong = benign.filter(blocked);
    expect(wrong.length <= benign.length * 0.01 ? [] : wrong).toEqual([]);
  });

  it('looks at a bounded number of words for each word of an adversarial text', () => {
    const words = [...meanings.keys()];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { minLength: 200, maxLength: 600 }), (text) => {
        const steps = { count: 0 };
        findInjections(text.join(' '), steps);
        expect(steps.count).toBeLessThanOrEqual(text.length * 400);
      }),
      { numRuns: 50 },
    );
  });

  it('looks at a bounded number of words when the same attack begins over and over', () => {
    for (const text of ['ignore all your ', 'show your system ', 'you are no ', 'do not follow your ', '忽略你的 ']) {
      const steps = { count: 0 };
      findInjections(text.repeat(20_000), steps);
      expect(steps.count).toBeLessThanOrEqual(20_000 * 4 * 400);
    }
  });
});
