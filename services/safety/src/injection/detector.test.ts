import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attacks } from './attacks.data.ts';
import { benign } from './benign.data.ts';
import { findInjections } from './detector.ts';
import { meanings } from './lexicon.ts';

const blocked = (text: string) => findInjections(text).length > 0;

describe('prompt injection', () => {
  // | own data set            | size | result           | bound  |
  // | attacks.data.ts         |   71 | 100 % recalled   | ≥ 95 % |
  // | benign.data.ts          |  125 | 0 % blocked      | ≤ 1 %  |
  // Before the rules were corrected by what these sets showed, they recalled 93 % and blocked 2.4 %: on texts they have
  // not seen, expect those figures rather than these.
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
