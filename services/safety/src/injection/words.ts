import { bitsOf, meanings, type Bits } from './lexicon.ts';

/** The words of a text that mean something to us, with their places; the first `known` of each array count. */
export interface Words {
  known: number;
  low: Int32Array;
  high: Int32Array;
  /** The number of the word in the text; a sentence's end counts as a word. */
  place: Int32Array;
  /** Where it begins, in UTF-16 code units. */
  start: Int32Array;
}

const DAN = bitsOf('dan');

const enum Kind {
  Gap,
  Letter,
  Upper,
  Stop,
}

const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[a-z0-9'_]/.test(char)) return Kind.Letter;
  if (/[A-Z]/.test(char)) return Kind.Upper;
  return /[.!?;\n]/.test(char) ? Kind.Stop : Kind.Gap;
});

/** Beyond ASCII everything but punctuation and spaces is a letter here: the lexicon decides. */
function kindBeyondAscii(code: number): Kind {
  if (code === 0x2019) return Kind.Letter;
  return (code >= 0x2000 && code <= 0x206f) ||
    (code >= 0x3000 && code <= 0x303f) ||
    code === 0xa0 ||
    code === 0xab ||
    code === 0xbb
    ? Kind.Gap
    : Kind.Letter;
}

/** One for all scans, which never wait in between: it grows to the words of the longest window. */
const scratch: Words = { known: 0, ...arrays(256) };

function arrays(length: number) {
  return {
    low: new Int32Array(length),
    high: new Int32Array(length),
    place: new Int32Array(length),
    start: new Int32Array(length),
  };
}

function add(meaning: Bits, place: number, start: number): void {
  const at = scratch.known;
  if (at === scratch.low.length) grow();
  scratch.low[at] = meaning.low;
  scratch.high[at] = meaning.high;
  scratch.place[at] = place;
  scratch.start[at] = start;
  scratch.known = at + 1;
}

function grow(): void {
  const longer = arrays(scratch.low.length * 2);
  for (const key of ['low', 'high', 'place', 'start'] as const) longer[key].set(scratch[key]);
  Object.assign(scratch, longer);
}

/** Words by a hash of their letters, so that a word of the text need not be cut out to be looked up. */
const byHash = new Map<number, { word: string; bits: Bits }[]>();
for (const [word, bits] of meanings) {
  let hash = 0;
  for (let at = 0; at < word.length; at += 1) hash = step(hash, word.charCodeAt(at));
  byHash.set(hash, [...(byHash.get(hash) ?? []), { word, bits }]);
}

function step(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

/** One pass over the text; a word costs one look into the lexicon. The answer is overwritten by the next call. */
export function readWords(text: string): Readonly<Words> {
  scratch.known = 0;
  let place = 0;
  let start = -1;
  let hash = 0;
  let plain = true;
  for (let at = 0; at <= text.length; at += 1) {
    const code = at < text.length ? text.charCodeAt(at) : 32;
    const kind = code < 128 ? kinds[code]! : kindBeyondAscii(code);
    if (kind === Kind.Letter || kind === Kind.Upper) {
      if (start < 0) {
        start = at;
        hash = 0;
        plain = true;
      }
      if (code >= 128) plain = false;
      hash = step(hash, kind === Kind.Upper ? code | 32 : code);
      continue;
    }
    if (start >= 0) {
      const meaning = plain ? plainMeaning(text, start, at, hash) : otherMeaning(text, start, at);
      if (meaning) add(meaning, place, start);
      place += 1;
      start = -1;
    }
    if (kind === Kind.Stop) place += 1;
  }
  return scratch;
}

function plainMeaning(text: string, start: number, end: number, hash: number): Bits | undefined {
  // The persona is written in capitals; Dan is a name.
  if (end - start === 3 && text.startsWith('DAN', start)) return DAN;
  const candidates = byHash.get(hash);
  if (candidates === undefined) return undefined;
  const written = text.slice(start, end).toLowerCase();
  for (const { word, bits } of candidates) if (word === written) return bits;
  return undefined;
}

/** Longer words are none of ours. */
const LONGEST = 20;

function otherMeaning(text: string, start: number, end: number): Bits | undefined {
  if (end - start > LONGEST) return undefined;
  return meanings.get(text.slice(start, end).toLowerCase().replace('\u2019', "'"));
}
