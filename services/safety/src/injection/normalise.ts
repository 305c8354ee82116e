/** Characters that show nothing: zero-width, joiners, soft hyphen, bidi controls, tags, variation selectors. */
const INVISIBLE =
  /[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]|\udb40[\udc00-\udfff]/g;
const NOT_ASCII = /[^\x00-\x7f]/;
const MARKS = /\p{M}+/gu;
const LOOKALIKE_SCRIPTS = /[\u0370-\u052f]/;

/** Cyrillic and Greek letters that look Latin (a part of Unicode TR39 confusables). */
const LATIN_LOOKALIKES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...[
      'аa',
      'вb',
      'сc',
      'ԁd',
      'еe',
      'һh',
      'іi',
      'јj',
      'кk',
      'ӏl',
      'мm',
      'оo',
      'рp',
      'ԛq',
      'ѕs',
      'тt',
      'уy',
      'ѵv',
      'ԝw',
      'хx',
      'гr',
      'пn',
      'иu',
    ],
    ...['αa', 'βb', 'ϲc', 'εe', 'ηn', 'ιi', 'κk', 'νv', 'οo', 'ρp', 'τt', 'υu', 'χx', 'γy', 'ωw'],
  ].map((pair) => [pair[0]!, pair[1]!]),
);

/** Base64 of 18 bytes or more, standard or URL alphabet. */
const BASE64 = /[A-Za-z0-9+/_-]{24,65536}={0,2}/g;
const BASE64_DECODED_MAX = 65_536;

/**
 * The texts to scan for one text that was sent: itself in lower case, NFKC, without invisible characters and diacritics; the same
 * with look-alike letters folded to Latin where there are any; and what base64 in it decodes to (once: base64 in base64 stays).
 */
export function readings(text: string): string[] {
  const plain = NOT_ASCII.test(text) ? text.replace(INVISIBLE, '').normalize('NFKC') : text;
  const all = [plain];
  if (NOT_ASCII.test(plain)) {
    all[0] = plain.normalize('NFD').replace(MARKS, '').normalize('NFC');
    if (LOOKALIKE_SCRIPTS.test(plain)) {
      all.push(all[0].toLowerCase().replace(/[\u0370-\u052f]/g, (letter) => LATIN_LOOKALIKES[letter] ?? letter));
    }
  }
  if (mayHoldBase64(plain)) {
    const decoded = decodeBase64(plain);
    if (decoded !== '') all.push(decoded);
  }
  return all;
}

const BASE64_MIN = 24;
const inBase64 = Uint8Array.from({ length: 128 }, (_, code) =>
  Number(/[A-Za-z0-9+/_-]/.test(String.fromCharCode(code))),
);

/** Whether 24 characters of the alphabet stand in a row: looked for from the end of each stretch, so prose is skipped through. */
function mayHoldBase64(text: string): boolean {
  for (let end = BASE64_MIN - 1; end < text.length;) {
    let at = end;
    while (at > end - BASE64_MIN && inBase64[text.charCodeAt(at)] === 1) at -= 1;
    if (at === end - BASE64_MIN) return true;
    end = at + BASE64_MIN;
  }
  return false;
}

function decodeBase64(text: string): string {
  let decoded = '';
  for (const [candidate] of text.matchAll(BASE64)) {
    const bytes = Buffer.from(candidate, 'base64').toString('utf8');
    // Long words and identifiers decode too, to bytes that are no text.
    if (!/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(bytes)) decoded += `${bytes}\n`;
    if (decoded.length > BASE64_DECODED_MAX) break;
  }
  return decoded;
}
