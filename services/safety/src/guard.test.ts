import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { guardPiece, triggerTable, type GuardPosition } from './guard.ts';
import { baselinePack } from './packs/baseline.ts';

const recognizers = triggerTable(baselinePack.recognizers);
const whole = (text: string) => guardPiece(recognizers, undefined, text, true).release;

function stream(pieces: readonly string[]): { releases: string[]; longestHeld: number } {
  let position: GuardPosition | undefined;
  const releases: string[] = [];
  let longestHeld = 0;
  for (const [at, piece] of pieces.entries()) {
    const guarded = guardPiece(recognizers, position, piece, at === pieces.length - 1);
    position = guarded.position;
    longestHeld = Math.max(longestHeld, position.held.length);
    releases.push(guarded.release);
  }
  return { releases, longestHeld };
}

function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return [...pieces, text.slice(at)];
}

/** Text made of what the rules look at, and of what they must not mind. */
const fragment = fc.oneof(
  fc.constantFrom(
    '4111 1111 1111 1111',
    '4111111111111111',
    '378282246310005',
    '3782-822463-10005',
    '5555-5555-5555-4444',
  ),
  fc.constantFrom(
    'jo.doe+x@mail.example.com',
    '@',
    '.',
    '-',
    ' ',
    '@x',
    'a@b.co',
    'xn--p1ai',
    '..',
    '\n',
    '0.',
    ',',
    '12',
  ),
  fc.constantFrom('😀', '👩‍👩‍👧', 'ü', '漢字', 'user@müller.de', 'é'),
  fc.stringMatching(/^[0-9]{1,21}$/),
  fc.stringMatching(/^[a-z.@ ]{1,12}$/),
  fc.stringMatching(/^[a-z]{60,70}$/),
  fc.stringMatching(/^[a-z.]{240,280}$/),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const text = fc.array(fragment, { maxLength: 12 }).map((fragments) => fragments.join(''));
const lengths = fc.array(fc.nat({ max: 9 }), { maxLength: 60 });

describe('output guard', () => {
  it.each([
    ['My card is 4111 1111 1111 1111, thanks.', 'My card is [CARD], thanks.'],
    ['5555-5555-5555-4444', '[CARD]'],
    ['378282246310005 and 3782 822463 10005', '[CARD] and [CARD]'],
    ['4111 1111 1111 1111 12/26', '[CARD] 12/26'],
    ['4111111111111112', '4111111111111112'],
    ['0.4111111111111111', '0.4111111111111111'],
    ['call +1 415 555 0100 in 2024', 'call +1 415 555 0100 in 2024'],
    ['1234567890123456789012345678', '1234567890123456789012345678'],
    ['Write to jo.doe+x@mail.example.com.', 'Write to [EMAIL].'],
    ['<user@example.org>, (a@b.co)', '<[EMAIL]>, ([EMAIL])'],
    ['user@müller.de', '[EMAIL]'],
    ['root@localhost and @handle and a@b', 'root@localhost and @handle and a@b'],
    ['2 + 2 = 4; v1.2.3; 10.0.0.1', '2 + 2 = 4; v1.2.3; 10.0.0.1'],
  ])('redacts %j as %j', (given, expected) => {
    expect(whole(given)).toBe(expected);
  });

  it('releases the same for every chunking as for the whole text', () => {
    fc.assert(
      fc.property(text, lengths, (given, sizes) => {
        expect(stream(cut(given, sizes)).releases.join('')).toBe(whole(given));
      }),
      { numRuns: 1_000 },
    );
  });

  it('releases the same when every character comes alone, halves of surrogate pairs too', () => {
    fc.assert(
      fc.property(text, (given) => {
        const { releases, longestHeld } = stream([...given.split(''), '']);
        expect(releases.join('')).toBe(whole(given));
        expect(longestHeld).toBeLessThanOrEqual(512);
        for (const release of releases) expect(release).not.toMatch(/^\p{Cs}|\p{Cs}$/u);
      }),
      { numRuns: 300 },
    );
  });

  it('never releases a part of a card or an address', () => {
    const secrets = ['4111 1111 1111 1111', '378282246310005', 'someone.special@mail.example.com'];
    fc.assert(
      fc.property(fc.constantFrom(...secrets), lengths, (secret, sizes) => {
        const { releases } = stream(cut(`Here: ${secret} (that was it)`, sizes));
        expect(releases.join('')).toMatch(/^Here: \[(CARD|EMAIL)\] \(that was it\)$/);
      }),
    );
  });

  it('releases prose but for its last word', () => {
    const { releases } = stream(['The answer', ' is', ' forty', '-two, I', ' think', '. ', 'Next']);
    expect(releases).toEqual(['The ', 'answer ', 'is ', 'forty-two, ', 'I ', 'think. ', 'Next']);
  });

  it('holds at most an address of the longest kind, whatever comes', () => {
    const long = `${'a'.repeat(5_000)}@${'b.'.repeat(400)}com`;
    const { releases, longestHeld } = stream([...long]);
    expect(releases.join('')).toBe(whole(long));
    expect(longestHeld).toBeLessThanOrEqual(64 + 1 + 253);
  });

  it('takes no two rules that look at the same character', () => {
    expect(() => triggerTable([...baselinePack.recognizers, ...baselinePack.recognizers])).toThrow(/triggers both/);
  });

  it('tells which rules matched and never what', () => {
    const { found } = guardPiece(recognizers, undefined, 'a@b.co 4111111111111111', true);
    expect(found.map((rule) => rule.id)).toEqual(['pii.email', 'pii.card']);
    expect(JSON.stringify(found)).not.toContain('4111');
  });
});
