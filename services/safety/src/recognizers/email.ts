import type { Piece, Recognition, Recognizer } from '../rule-pack.ts';

/** RFC 5321 §4.5.3.1: 64 octets before the @, and 255 with the dot and length octets after it leave 253. */
const LOCAL_MAX = 64;
const DOMAIN_MAX = 253;

const DOT = 46;
const DASH = 45;

const isDigit = (code: number) => code >= 48 && code <= 57;
const isLetter = (code: number) =>
  (code >= 97 && code <= 122) ||
  (code >= 65 && code <= 90) ||
  // Latin letters with diacritics, for internationalised addresses. Other scripts write without spaces: holding back
  // their words would delay whole sentences.
  (code >= 0xc0 && code <= 0x24f && code !== 0xd7 && code !== 0xf7);
const isDomain = (code: number) => isLetter(code) || isDigit(code) || code === DASH || code === DOT;
/** Without the characters RFC 5322 allows but mail systems refuse in practice (quotes, braces, slashes). */
const isLocal = (code: number) => isDomain(code) || code === 95 || code === 43 || code === 37 || code === 39;

/** Where the run of local-part characters that ends at `end` begins, at most 64 back and not before `floor`. */
function localStart(text: string, end: number, floor: number): number {
  const limit = Math.max(floor, end - LOCAL_MAX);
  let start = end;
  while (start > limit && isLocal(text.charCodeAt(start - 1))) start -= 1;
  return start;
}

/** The end of the longest prefix of [start, end) that is a domain name with a top level of two letters or more; -1: none is. */
function domainEnd(text: string, start: number, end: number): number {
  let stop = end;
  while (stop > start) {
    let label = stop;
    while (label > start && text.charCodeAt(label - 1) !== DOT) label -= 1;
    if (label === start) return -1;
    const before = text.charCodeAt(label - 2);
    if (stop - label >= 2 && label - 1 > start && before !== DOT && isTopLevel(text, label, stop)) return stop;
    stop = label - 1;
  }
  return -1;
}

function isTopLevel(text: string, start: number, end: number): boolean {
  if (text.startsWith('xn--', start)) return end - start > 4;
  for (let at = start; at < end; at += 1) if (!isLetter(text.charCodeAt(at))) return false;
  return true;
}

/** E-mail addresses: anchored at the @, at most 64 characters before it and 253 after. */
export const emailRecognizer: Recognizer = {
  rule: { id: 'pii.email', category: 'pii', message: 'An e-mail address was found.' },
  placeholder: '[EMAIL]',
  triggers: '@',
  recognize({ text, final }: Piece, at: number, floor: number): Recognition | undefined {
    let start = localStart(text, at, floor);
    // An address begins with a letter, a digit or an underscore; dots and dashes before it are punctuation.
    while (start < at && !isStart(text.charCodeAt(start))) start += 1;
    if (start === at) return undefined;
    const limit = Math.min(text.length, at + 1 + DOMAIN_MAX);
    let end = at + 1;
    while (end < limit && isDomain(text.charCodeAt(end))) end += 1;
    if (end === text.length && end < at + 1 + DOMAIN_MAX && !final) return { open: true, start };
    const stop = domainEnd(text, at + 1, end);
    return stop < 0 ? undefined : { open: false, start, end: stop };
  },
  tail: (text, floor) => localStart(text, text.length, floor),
};

function isStart(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 95;
}
