import type { RuleInfo } from '../rule-pack.ts';
import { bitsOf, lexicon, type Bits, type Part } from './lexicon.ts';
import type { Words } from './words.ts';

export interface Phrase {
  readonly rule: RuleInfo;
  readonly first: Bits;
  readonly rest: readonly (Bits & { readonly within: number })[];
  /** No match when one of these stands among the three words before it. */
  readonly unlessBefore: Bits;
  /** No match when one of these stands between its parts. */
  readonly unlessBetween: Bits;
  /** No match when one of these follows at once, and none of `ours` among the four words after. */
  readonly unlessNext: Bits;
}

const NONE: Bits = { low: 0, high: 0 };

function part(name: string): Bits {
  if (!(name in lexicon)) throw new Error(`the lexicon has no part '${name}'`);
  return bitsOf(name as Part);
}

const union = (names = ''): Bits =>
  names
    .split(' ')
    .filter(Boolean)
    .map(part)
    .reduce((all, { low, high }) => ({ low: all.low | low, high: all.high | high }), NONE);

export interface Exceptions {
  before?: string;
  between?: string;
  next?: string;
}

/** `'drop ..4 prior ..3 rules'`: the parts in order, with at most 4 words between the first two and 3 between the last two. */
export function phrase(rule: RuleInfo, sequence: string, unless: Exceptions = {}): Phrase {
  const [first, ...rest] = sequence.split(/ \.\.(?=\d)/);
  return {
    rule,
    first: part(first!),
    rest: rest.map((step) => {
      const [within, name] = step.split(' ');
      return { ...part(name!), within: Number(within) };
    }),
    unlessBefore: union(unless.before),
    unlessBetween: union(unless.between),
    unlessNext: union(unless.next),
  };
}

const OURS = bitsOf('ours');
const BEFORE_REACH = 3;
const OURS_REACH = 4;

const has = (words: Words, at: number, bits: Bits) =>
  ((words.low[at]! & bits.low) | (words.high[at]! & bits.high)) !== 0;

/** Counts the comparisons of a scan; tests bound it by the length of the text. */
export interface Steps {
  count: number;
}

/**
 * Whether the phrase begins at the known word `at`: the index of its last word, or -1. Parts are tried depth first; the
 * windows bound the tries (product of `within + 1`, at most 6·5·4), so a scan is linear in the text.
 */
export function matchPhrase(words: Words, at: number, phrase: Phrase, steps: Steps): number {
  if (!has(words, at, phrase.first)) return -1;
  const last = matchRest(words, at, phrase, 0, steps);
  if (last < 0 || isNone(phrase.unlessBefore) || !anyBefore(words, at, phrase.unlessBefore)) return last;
  return -1;
}

const isNone = ({ low, high }: Bits) => (low | high) === 0;

function matchRest(words: Words, from: number, phrase: Phrase, step: number, steps: Steps): number {
  const wanted = phrase.rest[step];
  if (wanted === undefined) return meansSomethingElse(words, from, phrase.unlessNext) ? -1 : from;
  for (let at = from + 1; at < words.known && words.place[at]! - words.place[from]! <= wanted.within + 1; at += 1) {
    steps.count += 1;
    if (has(words, at, wanted)) {
      const last = matchRest(words, at, phrase, step + 1, steps);
      if (last >= 0) return last;
    }
    if (has(words, at, phrase.unlessBetween)) return -1;
  }
  return -1;
}

function anyBefore(words: Words, at: number, bits: Bits): boolean {
  for (let before = at - 1; before >= 0 && words.place[at]! - words.place[before]! <= BEFORE_REACH; before -= 1) {
    if (has(words, before, bits)) return true;
  }
  return false;
}

function meansSomethingElse(words: Words, last: number, bits: Bits): boolean {
  const next = last + 1;
  if (next >= words.known || words.place[next] !== words.place[last]! + 1 || !has(words, next, bits)) return false;
  for (let at = next; at < words.known && words.place[at]! - words.place[last]! <= OURS_REACH; at += 1) {
    if (has(words, at, OURS)) return false;
  }
  return true;
}
