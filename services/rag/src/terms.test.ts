import { describe, expect, it } from '@jest/globals';
import { hash, termsOf } from './terms.ts';

describe('the words of a text as they are compared', () => {
  it.each([
    ['Cities, boxes & PENGUINS: 64 days', ['city', 'boxe', 'penguin', '64', 'day']],
    ['glass bus is status', ['glass', 'bus', 'is', 'status']],
    ['Café naïve ＡＢＣ ﬁne', ['cafe', 'naive', 'abc', 'fine']],
    ['Straße Ελλάδα Привет', ['straße', 'ελλαδα', 'привет']],
    ['東京都', ['東京', '京都']],
    ['猫', ['猫']],
    ['!?—…', []],
  ])('%s', (text, terms) => {
    expect(termsOf(text)).toEqual(terms);
  });

  it('are the same for plural and singular', () => {
    for (const [one, many] of [
      ['city', 'cities'],
      ['box', 'boxs'],
      ['engine', 'engines'],
      ['key', 'keys'],
    ] as const) {
      expect(termsOf(many)).toEqual(termsOf(one));
    }
  });

  it('hash to the same number on every machine', () => {
    expect(hash('penguin')).toBe(hash('penguin'));
    expect([hash(''), hash('a'), hash('penguin'), hash('penguin', 1)]).toMatchInlineSnapshot(`
     [
       2872998923,
       444641715,
       1270013545,
       2649199219,
     ]
    `);
  });
});
