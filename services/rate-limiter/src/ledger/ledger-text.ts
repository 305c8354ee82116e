import { createHash } from 'node:crypto';

/** UTF-16 units kept of one text. Four of them, at 3 bytes each, fit an entry of the index of usage_daily (2,704 bytes). */
const LONGEST = 200;
const KEPT = 150;

/**
 * Text that the ledger's tables take, so that no event can block those after it: PostgreSQL refuses U+0000 and halves of surrogate
 * pairs; what is too long for an index is named by its beginning and its hash.
 */
export function ledgerText(text: string): string {
  const clean = UNSTORABLE.test(text) ? text.replaceAll('\u0000', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd') : text;
  if (clean.length <= LONGEST) return clean;
  const beginning = clean.slice(0, KEPT).replace(/\p{Surrogate}/gu, '');
  return `${beginning}#${createHash('sha256').update(clean).digest('hex').slice(0, 40)}`;
}

const UNSTORABLE = /\u0000|\p{Surrogate}/u;
