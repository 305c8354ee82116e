import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from './canonical-json.ts';

describe('a value as canonical JSON', () => {
  it('is the same in whatever order its fields stand, at every depth', () => {
    const one = canonicalJson({ b: [{ y: 1, x: 'a' }], a: null });
    expect(one).toBe(canonicalJson({ a: null, b: [{ x: 'a', y: 1 }] }));
    expect(one).toBe('{"a":null,"b":[{"x":"a","y":1}]}');
  });

  it('keeps lists in their order, and names that are numbers in that of text', () => {
    expect(canonicalJson([2, 1])).toBe('[2,1]');
    expect(canonicalJson({ 9: 'b', 10: 'a' })).toBe('{"10":"a","9":"b"}');
  });

  it('says nothing of what is undefined, as JSON does', () => {
    expect(canonicalJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  });
});
