import { describe, expect, it } from '@jest/globals';
import { checkPattern, PatternSet, refusalOf } from './pattern.ts';
import { testRule } from './rule-test.ts';

function matched(patterns: string[], text: string): number[] {
  return [...new PatternSet(patterns).match(text)];
}

describe('a pattern', () => {
  it.each([
    ['(a)\\1', 'invalid escape sequence'],
    ['(?=a)b', 'unsupported Perl syntax'],
    ['(?<!a)b', 'invalid named capture'],
    ['a{1001}', 'invalid repeat count'],
    ['[a', 'missing closing ]'],
    ['a{300}b{300}', 'too large'],
    ['a*', 'every text'],
  ])('%s is refused with its reason', (pattern, reason) => {
    expect(refusalOf(pattern)).toContain(reason);
    expect(() => checkPattern(pattern)).toThrow(reason);
    expect(testRule(pattern, ['a'])).toEqual({ refused: refusalOf(pattern), matches: [] });
  });

  it('is found beside others, in any script and case where it says so', () => {
    const patterns = ['(?i)straße', '日本', '^start', '\\bend$', '(?is)a.b'];
    expect(matched(patterns, 'start of the STRASSE in 日本 A\nB')).toEqual([1, 2, 4]);
    expect(matched(patterns, 'a straße to the end')).toEqual([0, 3]);
    expect(matched([], 'anything')).toEqual([]);
  });

  it('costs linear time where a backtracking engine would not end', () => {
    expect(matched(['(a+)+$', '(a|aa)*b$'], `${'a'.repeat(200_000)}c`)).toEqual([]);
  });

  it('can be tried on samples before it is saved', () => {
    expect(testRule('(?i)exam', ['The EXAM', 'lunch'])).toEqual({ refused: undefined, matches: [true, false] });
  });
});
