import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { chat } from '@flotilla/contracts';
import { OpenAiStream } from './openai-answer.ts';

function decode(texts: string[]): chat.Choice[] {
  const decoder = new OpenAiStream((text) => text);
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
        stop_reason: fc.constantFrom(null, null, 'END', 5),
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
            piece.finish_reason && piece.stop_reason === 'END' ? 'END' : '',
          ]),
        );
        const found = decode(texts).map((piece) => [
          ...[piece.index, piece.content, piece.role, piece.finishReason, piece.stopSequence],
        ]);
        expect(found).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('tell what was used so far, as a parser finds it, when the engine says so in each chunk', () => {
    const counted = (prompt: number, tokens: number) => [
      { prompt_tokens: prompt, total_tokens: prompt + tokens, completion_tokens: tokens },
      { completion_tokens: tokens, prompt_tokens: prompt, total_tokens: prompt + tokens },
    ];
    const scenario = fc.record({
      texts: fc.array(fc.constantFrom('a', 'b ', '7', '"', '\\', '"total_tokens"'), { maxLength: 12 }),
      prompt: fc.nat(1e6),
      perChunk: fc.integer({ min: 1, max: 4 }),
      order: fc.constantFrom(0, 1),
      write: fc.constantFrom(JSON.stringify, spaced),
    });
    fc.assert(
      fc.property(scenario, ({ texts, prompt, perChunk, order, write }) => {
        const decoder = new OpenAiStream((text) => text);
        const choices: chat.Choice[] = [];
        texts.forEach((content, at) => {
          const tokens = (at + 1) * perChunk;
          const chunk = { choices: [{ index: 0, delta: { content } }], usage: counted(prompt, tokens)[order] };
          decoder.write(Buffer.from(`data: ${write(chunk)}\n\n`), choices);
          expect(decoder.usage).toEqual({
            ...{ promptTokens: prompt, completionTokens: tokens, cachedTokens: 0, estimated: false },
          });
        });
        expect(choices.map(({ content }) => content)).toEqual(texts);
      }),
      { numRuns: 200 },
    );
  });

  it('of several choices are counted together until the end tells of all', () => {
    const decoder = new OpenAiStream((text) => text);
    const usage = (tokens: number) => ({ prompt_tokens: 5, total_tokens: 5 + tokens, completion_tokens: tokens });
    const chunk = (index: number, tokens: number) => ({
      choices: [{ index, delta: { content: 'x' } }],
      usage: usage(tokens),
    });
    const used = (value: unknown) => {
      decoder.write(Buffer.from(`data: ${JSON.stringify(value)}\n\n`), []);
      return decoder.usage?.completionTokens;
    };
    const seen = [chunk(0, 1), chunk(1, 1), chunk(0, 2), chunk(1, 3), { choices: [], usage: usage(6) }].map(used);
    expect(seen).toEqual([1, 2, 3, 5, 6]);
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
