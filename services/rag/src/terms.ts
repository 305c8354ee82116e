/** Characters of scripts that do not put blanks between words. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
const ascii = /^[\x00-\x7f]*$/;
const asciiWord = /[a-z0-9]+/g;
const word = /[\p{L}\p{N}]+/gu;
const marks = /\p{M}+/gu;

/** Characters of one term that count; no word that means something is longer. */
const MAX_TERM = 40;

/**
 * The words of a text as they are compared: lower case, without accents, compatibility forms unified (NFKD), English plurals
 * reduced; scripts without blanks in pairs of characters.
 */
export function termsOf(text: string): string[] {
  if (ascii.test(text)) return (text.toLowerCase().match(asciiWord) ?? []).map(singular);
  const terms: string[] = [];
  for (const found of text.normalize('NFKD').toLowerCase().replaceAll(marks, '').match(word) ?? []) {
    if (!unspaced.test(found)) {
      terms.push(singular(found));
      continue;
    }
    const characters = [...found];
    if (characters.length === 1) terms.push(found);
    for (let i = 1; i < characters.length; i += 1) terms.push(characters[i - 1]! + characters[i]!);
  }
  return terms;
}

/** Harman's S-stemmer ("How effective is suffixing?", 1991): plurals alone, so that it does no harm in other languages. */
function singular(term: string): string {
  if (term.length > MAX_TERM) return term.slice(0, MAX_TERM);
  if (term.length < 4 || !term.endsWith('s')) return term;
  if (term.endsWith('ies')) return /[ae]ies$/.test(term) ? term : `${term.slice(0, -3)}y`;
  if (term.endsWith('es')) return /[aeo]es$/.test(term) ? term : term.slice(0, -1);
  return /[us]s$/.test(term) ? term : term.slice(0, -1);
}

/** FNV-1a over UTF-16 units, finished by murmur3's mixer: 32 bits, the same on every machine. */
export function hash(text: string, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
