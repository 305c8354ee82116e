import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunksOf } from './chunker.ts';
import { sentencesOf } from './sentences.ts';

const wellFormed = (text: string) => Buffer.from(text).toString() === text;
const chunk = (text: string) => [...chunksOf(text)];
const words = (text: string) => text.split(/\s+/).filter(Boolean);
const sentence = (i: number) => `Sentence number ${i} says a little about a thing and ends.`;

describe('the sentences of a line', () => {
  it.each([
    ['One. Two! "Three?" (Four.) 5.5 is no end', ['One.', ' Two!', ' "Three?"', ' (Four.)', ' 5.5 is no end']],
    ['文です。「はい。」次', ['文です。', '「はい。」', '次']],
    ['No mark', ['No mark']],
    ['...', ['...']],
  ])('%s', (line, sentences) => {
    expect([...sentencesOf(line)]).toEqual(sentences);
  });

  it('are found in one pass, whatever the line is made of', () => {
    const line = `."${'"'.repeat(1_000_000)}`;
    expect([...sentencesOf(line)]).toEqual([line]);
    expect([...sentencesOf('! '.repeat(100_000))]).toHaveLength(100_001);
  });
});

describe('cutting a text into passages', () => {
  it('keeps a short text whole', () => {
    expect(chunk('One thing.\nAnother thing.\n\nA third.')).toEqual(['One thing.\nAnother thing.\n\nA third.']);
  });

  it('finds nothing in nothing', () => {
    expect(chunk('')).toEqual([]);
    expect(chunk(' \r\n\t\n ')).toEqual([]);
  });

  it('cuts at sentences, at about 200 words, and repeats the end of each passage at the start of the next', () => {
    const chunks = chunk(Array.from({ length: 100 }, (_, i) => sentence(i)).join(' '));
    expect(chunks.length).toBeGreaterThan(4);
    for (const each of chunks) {
      expect(words(each).length).toBeLessThanOrEqual(220);
      expect(each.startsWith('Sentence number')).toBe(true);
      expect(each.endsWith('ends.')).toBe(true);
    }
    for (const each of chunks.slice(0, -1)) expect(words(each).length).toBeGreaterThan(180);
    chunks.slice(1).forEach((each, i) => {
      const shared = words(each).slice(0, 22).join(' ');
      expect(chunks[i]!.replaceAll(/\s+/g, ' ')).toContain(shared);
    });
  });

  it('begins a long section anew and repeats its headings in the passages that follow', () => {
    const long = Array.from({ length: 40 }, (_, i) => sentence(i)).join(' ');
    const chunks = chunk(`# Manual\n${long}\n## Safety\n${long}\n# Index\n${long}`);
    const starts = chunks.map((each) => each.split('\n')[0]);
    expect(starts.filter((start) => start === '# Manual')).toHaveLength(1);
    expect(starts).toContain('Manual › Safety');
    expect(starts).toContain('Index');
    expect(chunks.find((each) => each.includes('## Safety'))).toMatch(/^Manual\n\n## Safety\n/);
    expect(chunks.some((each) => each.includes('## Safety') && each.includes('# Index'))).toBe(false);
  });

  it('puts short sections together', () => {
    expect(chunk('# A\nOne.\n# B\nTwo.\n# C\nThree.')).toEqual(['# A\nOne.\n# B\nTwo.\n# C\nThree.']);
  });

  it('cuts what has neither blanks nor sentences, but no character in two', () => {
    const chunks = chunk('😀'.repeat(5_000));
    expect(chunks.join('').replaceAll('\n', '').length).toBeGreaterThanOrEqual(10_000);
    for (const each of chunks) {
      expect(wellFormed(each)).toBe(true);
      expect(each.length).toBeLessThan(3_000);
    }
  });

  it('leaves nothing of any text out, makes well-formed passages of bounded size, and not more than the text is worth', () => {
    const piece = fc.oneof(
      fc.lorem({ maxCount: 60 }),
      fc.constantFrom('\n', '\n\n', '\r\n\r\n', '   ', '「文です。文です。」', 'Eh?! "Oh." ', 'e\u0301', '👩‍👩‍👧'),
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('#', '')),
      fc.integer({ min: 1, max: 3_000 }).map((length) => '𝒳'.repeat(length)),
    );
    const dense = (text: string) => text.replaceAll(/\s+/g, '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('\n');
        const whole = dense(text);
        const chunks = chunk(text);
        let covered = 0;
        for (const each of chunks) {
          expect(wellFormed(each)).toBe(true);
          expect(each.length).toBeLessThan(6_000);
          const at = whole.lastIndexOf(dense(each), covered);
          expect(at).toBeGreaterThanOrEqual(0);
          covered = Math.max(covered, at + dense(each).length);
        }
        expect(covered).toBe(whole.length);
        expect(chunks.length).toBeLessThanOrEqual(1 + text.length / 60);
      }),
      { numRuns: 300 },
    );
  });
});
