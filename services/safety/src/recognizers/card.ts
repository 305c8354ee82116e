import type { Piece, Recognition, Recognizer } from '../rule-pack.ts';

/** ISO/IEC 7812: a primary account number has at most 19 digits. */
const MAX_DIGITS = 19;

const isDigit = (code: number) => code >= 48 && code <= 57;
const isSeparator = (code: number) => code === 32 || code === 45 || code === 0xa0;

/** The lengths the issuer of these first four digits uses; 0 bits: nobody issues them. Bit n stands for n digits. */
function issuedLengths(prefix: number): number {
  const two = Math.floor(prefix / 100);
  const lengths = (...all: number[]) => all.reduce((bits, length) => bits | (1 << length), 0);
  if (two >= 40 && two <= 49) return lengths(13, 16, 19); // Visa
  if ((two >= 51 && two <= 55) || (prefix >= 2221 && prefix <= 2720)) return lengths(16); // Mastercard
  if (two === 34 || two === 37) return lengths(15); // American Express
  if (two === 30 || two === 36 || two === 38 || two === 39) return lengths(14, 16, 19); // Diners Club
  if (two === 35) return lengths(16, 17, 18, 19); // JCB
  if (two >= 60 && two <= 69) return lengths(13, 14, 15, 16, 17, 18, 19); // Discover, UnionPay, Maestro, RuPay
  if (two === 50 || (two >= 56 && two <= 59)) return lengths(13, 14, 15, 16, 17, 18, 19); // Maestro
  return 0;
}

/** By the first four digits; made once, because years and other numbers in prose ask for it. */
const issued = Uint32Array.from({ length: 10_000 }, (_, prefix) => issuedLengths(prefix));

/** ISO/IEC 7812-1 annex B. */
function luhn(digits: readonly number[], count: number): boolean {
  let sum = 0;
  for (let at = count - 1, double = false; at >= 0; at -= 1, double = !double) {
    const digit = digits[at]!;
    sum += !double ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

/** Digits after a decimal point (0.4166666666666667) are no card; a number does not begin inside a number. */
function beginsNumber({ context, text }: Piece, at: number): boolean {
  const before = at > 0 ? text.charCodeAt(at - 1) : context.charCodeAt(context.length - 1);
  if (isDigit(before)) return false;
  if (before !== 46 && before !== 44) return true;
  const further = at > 1 ? text.charCodeAt(at - 2) : context.charCodeAt(context.length - 2 + at);
  return !isDigit(further);
}

/**
 * Payment card numbers: 13–19 digits, plain or in groups divided by one space or dash (four digits or more in the first group,
 * three in the others, as cards are printed), with a length the issuer uses and a right check digit.
 * At most 26 characters decide.
 */
export const cardRecognizer: Recognizer = {
  rule: { id: 'pii.card', category: 'pii', message: 'A payment card number was found.' },
  placeholder: '[CARD]',
  triggers: '0123456789',
  recognize(piece: Piece, at: number): Recognition | undefined {
    if (!beginsNumber(piece, at)) return undefined;
    const { text, final } = piece;
    const digits: number[] = [];
    let lengths = -1;
    let group = 0;
    let first = true;
    let best = -1;
    for (let i = at; ; i += 1) {
      const ended = i === text.length;
      if (ended && !final) return { open: true, start: at };
      const code = ended ? -1 : text.charCodeAt(i);
      if (isDigit(code)) {
        if (digits.push(code - 48) > MAX_DIGITS) break;
        group += 1;
        if (digits.length === 4) {
          lengths = issued[digits[0]! * 1000 + digits[1]! * 100 + digits[2]! * 10 + digits[3]!]!;
          if (lengths === 0) return undefined;
        }
        continue;
      }
      // A group ended: the number may end here too.
      if (group < (first ? 4 : 3)) break;
      const count = digits.length;
      if (count >= 13 && (lengths & (1 << count)) !== 0 && luhn(digits, count)) best = i;
      if (!isSeparator(code)) break;
      first = false;
      group = 0;
    }
    return best < 0 ? undefined : { open: false, start: at, end: best };
  },
  tail: (text) => text.length,
};
