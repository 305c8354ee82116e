import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ThinkSplitter, type Split } from './think-splitter.ts';

function split(pieces: readonly string[], opened = false): Split {
  const splitter = new ThinkSplitter(opened);
  const out = [...pieces.map((piece) => splitter.push(piece)), splitter.end()];
  return {
    reasoning: out.map(({ reasoning }) => reasoning).join(''),
    content: out.map(({ content }) => content).join(''),
  };
}

const examples: [string, string, boolean, Split][] = [
  ['a thought and an answer', '<think>hm</think>\n\nfour', false, { reasoning: 'hm', content: 'four' }],
  ['blanks before the thought', '\n <think>hm</think>four', false, { reasoning: 'hm', content: 'four' }],
  ['no thought', '  four', false, { reasoning: '', content: '  four' }],
  ['a thought that was cut', '<think>hm</thi', false, { reasoning: 'hm</thi', content: '' }],
  ['a tag that is spoken of', 'a <think>tag</think>', false, { reasoning: '', content: 'a <think>tag</think>' }],
  ['a second thought', '<think>a</think>b<think>c</think>', false, { reasoning: 'a', content: 'b<think>c</think>' }],
  ['an unfinished tag', '<thi', false, { reasoning: '', content: '<thi' }],
  ['a thought that the prompt began', 'hm</think> four', true, { reasoning: 'hm', content: 'four' }],
  ['one that the model began again', '<think>hm</think> four', true, { reasoning: 'hm', content: 'four' }],
  ['a thought that the prompt began and nothing ended', 'hm', true, { reasoning: 'hm', content: '' }],
  ['blanks alone after it', '<think>hm</think> \n', false, { reasoning: 'hm', content: '' }],
];

describe('reasoning that a model marks in its text', () => {
  it.each(examples)('is told from the rest: %s', (_, text, opened, expected) => {
    expect(split([text], opened)).toEqual(expected);
    expect(split([...text], opened)).toEqual(expected);
  });

  it('is the same however the text comes in pieces, and nothing is held that could go out', () => {
    const word = fc.constantFrom('<think>', '</think>', '<thi', 'nk>', '</', ' ', '\n', 'a', 'b<', '>');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), fc.array(fc.nat(6)), fc.boolean(), (words, cuts, opened) => {
        const text = words.join('');
        const pieces: string[] = [];
        let from = 0;
        for (const length of cuts) pieces.push(text.slice(from, (from += length)));
        pieces.push(text.slice(from));
        expect(split(pieces, opened)).toEqual(split([text], opened));

        const splitter = new ThinkSplitter(opened);
        let shown = 0;
        for (const piece of pieces) {
          const { reasoning, content } = splitter.push(piece);
          shown += reasoning.length + content.length;
        }
        const { reasoning, content } = splitter.end();
        const held = reasoning.length + content.length;
        const blanks = text.length - text.trimStart().length;
        expect(held).toBeLessThanOrEqual(Math.max(blanks + '<think'.length, '</think'.length));
        expect(shown + held).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
