import { describe, expect, it } from '@jest/globals';
import { csv } from './csv.ts';

describe('a table as CSV', () => {
  it('has a line of names and one for each row, ended as RFC 4180 has it', () => {
    expect(csv(['day', 'tokens'], [{ day: '2026-11-21', tokens: 12 }])).toBe('day,tokens\r\n2026-11-21,12\r\n');
  });

  it('quotes what would break a line or a cell', () => {
    expect(csv(['model'], [{ model: 'a,"b"\nc' }])).toBe('model\r\n"a,""b""\nc"\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('gives a spreadsheet no formula: %j', (model) => {
    expect(csv(['model'], [{ model }])).toBe(`model\r\n"'${model}"\r\n`);
  });

  it('leaves numbers as they are, and an absent value empty', () => {
    expect(csv(['a', 'b', 'c'], [{ a: -1, b: undefined, c: null }])).toBe('a,b,c\r\n-1,,\r\n');
  });
});
