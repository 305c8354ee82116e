import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { chat } from '@flotilla/contracts';
import { OpenAiStream } from './openai-answer.ts';

function decode(texts: string[]): chat.Choice[] {
  const decoder = new OpenAiStream();
  const choices: chat.Choice[] = [];
  for (const text of texts) decoder.write(Buffer.from(`data: ${text}\n\n`), choices);
  return choices;
}

const spaced = (value: unknown) => JSON.stringify(value).replaceAll('":', '": ').replaceAll(',"', ', "');

describe('the pieces of a stream', () => {
  it('are what a parser finds in each chunk, whatever the texts and the surroundings', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('"', '\\', '\n', '","content":"', 'content', ' flotilla', '\u2028'),
    );
    const choice = fc.record(
      {
        index: fc.constantFrom(0, 0, 0, 1),
        delta: fc.record({ content: text, role: fc.constant('assistant') }, { requiredKeys: ['content'] }),
        finish_reason: fc.constantFrom(null, null, null, 'stop'),
      },
      { requiredKeys: ['index', 'delta'] },
    );
    const chunk = fc.record({
      id: fc.constantFrom('a', 'a', 'b', '"content":"'),
      choices: fc.array(choice, { maxLength: 2 }),
    });
    const render = fc.constantFrom(JSON.stringify, spaced);
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), render, (chunks, write) => {
        const texts = chunks.map((one) => write(one));
        const expected = texts.flatMap((one) =>
          (JSON.parse(one) as (typeof chunks)[number]).choices.map((piece) => [
            piece.index,
            piece.delta.content,
            piece.delta.role ?? '',
            piece.finish_reason ?? '',
          ]),
        );
        const found = decode(texts).map((piece) => [piece.index, piece.content, piece.role, piece.finishReason]);
        expect(found).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('keep what is not text when a chunk looks like the one before', () => {
    const chunks = [
      '{"choices":[{"index":0,"delta":{"content":"a"}}]}',
      '{"choices":[{"index":0,"delta":{"content":"b"}}]}',
      '{"choices":[{"index":0,"delta":{"content":"c","reasoning_content":"r"}}]}',
      '{"choices":[{"index":0,"delta":{"content":"d"},"finish_reason":"stop"}]}',
    ];
    const found = decode(chunks).map((piece) => piece.content + piece.reasoning + piece.finishReason);
    expect(found).toEqual(['a', 'b', 'cr', 'dstop']);
  });

  it('are not mistaken for another field of the same name and text', () => {
    const chunks = ['a', 'b'].map((text) => `{"meta":{"content":"${text}"},"choices":[{"delta":{"content":"a"}}]}`);
    expect(decode(chunks).map((piece) => piece.content)).toEqual(['a', 'a']);
  });
});
