import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import fc from 'fast-check';
import { cleanEnd, Seam } from './seam.ts';

const piece = (content: string, more: Partial<chat.Choice> = {}) => chat.Choice.fromPartial({ content, ...more });

/** What the caller reads when an answer is cut at `cut` and the rest comes in pieces of these lengths. */
function read(text: string, cut: number, lengths: readonly number[]): string {
  const said = text.slice(0, cut);
  const { clean, rest } = cleanEnd(said);
  const seam = new Seam(rest);
  let out = said;
  let at = clean.length;
  for (let i = 0; at < text.length; i += 1) {
    const choices = [piece('already taken'), piece(text.slice(at, at + (lengths[i % lengths.length] ?? 1)))];
    at += choices[1]!.content.length;
    seam.apply(choices, 1);
    out += choices
      .slice(1)
      .map(({ content }) => content)
      .join('');
  }
  return out;
}

describe('the seam between two engines', () => {
  it('neither repeats nor loses a character, wherever the answer was cut', () => {
    const texts = fc.array(fc.constantFrom('a', 'word', ' ', '  ', '\n', '\n\n', '\t', '😀', 'é', '你'), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        texts,
        fc.nat(),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (words, cut, lengths) => {
          const text = words.join('');
          const at = text.length === 0 ? 0 : cut % text.length;
          expect(read(text, at, lengths)).toBe(text);
        },
      ),
    );
  });

  it('never puts half a character or a blank at the end of what is said again', () => {
    expect(cleanEnd('so far \n')).toEqual({ clean: 'so far', rest: ' \n' });
    expect(cleanEnd('hi \ud83d')).toEqual({ clean: 'hi', rest: ' \ud83d' });
    expect(cleanEnd('  ')).toEqual({ clean: '', rest: '  ' });
  });

  it.each([
    ['other blanks than before', [piece('\nmore')]],
    ['text where there was a blank', [piece('more')]],
    ['reasoning', [piece('', { reasoning: 'hm' })]],
    ['a tool call', [piece('', { toolCallsJson: '[{}]' })]],
    ['a second choice', [piece(' more', { index: 1 })]],
  ])('is none when the second engine says %s', (_, choices) => {
    expect(() => new Seam(' ').apply(choices, 0)).toThrow('another answer');
  });

  it('lets an engine end where the first one had said a last blank', () => {
    const choices = [piece('', { role: 'assistant' }), piece('', { finishReason: 'stop' })];
    new Seam('\n').apply(choices, 0);
    expect(choices.map(({ role, finishReason }) => [role, finishReason])).toEqual([['', 'stop']]);
    expect(() => new Seam('\ud83d').apply([piece('', { finishReason: 'stop' })], 0)).toThrow('another answer');
  });
});
