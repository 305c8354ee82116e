/** Longest piece of a word that is one token: English comes out at about four characters a token, as with BPE. */
const longestPiece = 6;

const isSpace = (code: number) => code === 32 || (code >= 9 && code <= 13);

const isWord = (code: number) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code >= 128 || code === 95;

const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff;

/** Where the token that begins at `start` ends: one blank, then a piece of a word or one sign; or a run of blanks. */
function tokenEnd(text: string, start: number): number {
  let at = start;
  if (isSpace(text.charCodeAt(at))) {
    at += 1;
    if (at >= text.length) return at;
    if (isSpace(text.charCodeAt(at))) {
      while (at + 1 < text.length && isSpace(text.charCodeAt(at + 1))) at += 1;
      return at;
    }
  }
  if (!isWord(text.charCodeAt(at))) return at + 1;
  const limit = Math.min(text.length, at + longestPiece);
  at += 1;
  while (at < limit && isWord(text.charCodeAt(at))) at += 1;
  if (at < text.length && isLowSurrogate(text.charCodeAt(at))) at += 1;
  return at;
}

/** The text in tokens. Joined they are the text again. */
export function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = tokenEnd(text, at);
    tokens.push(text.slice(at, end));
    at = end;
  }
  return tokens;
}

export interface Scan {
  tokens: number;
  /** A hash per full block over all text up to its end: equal beginnings have equal hashes. */
  blocks: number[];
}

/** Counts tokens and hashes blocks in one pass. `salt` keeps the blocks of LoRA adapters apart, as vLLM does. */
export function scan(text: string, blockSize: number, salt = ''): Scan {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let i = 0; i < salt.length; i += 1) first = Math.imul(first ^ salt.charCodeAt(i), 0x01000193);
  const blocks: number[] = [];
  let tokens = 0;
  for (let at = 0; at < text.length;) {
    const end = tokenEnd(text, at);
    for (; at < end; at += 1) {
      const code = text.charCodeAt(at);
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x5bd1e995) ^ (second >>> 15);
    }
    tokens += 1;
    // 52 bits: what two 32-bit hashes can fill of a safe integer.
    if (tokens % blockSize === 0) blocks.push((first >>> 0) * 0x100000 + (second & 0xfffff));
  }
  return { tokens, blocks };
}

/** FNV-1a, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
