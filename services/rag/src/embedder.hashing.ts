import { hash, termsOf } from './terms.ts';

/** Part of what is stored with chunks: change it with the algorithm. */
export const HASHING = 'hashing-384-v1';

const DIMENSION = 384;
/** Lengths of the pieces of words that are compared: they find inflections, compounds and misspellings that whole words miss. */
const SHORTEST = 3;
const LONGEST = 5;

/**
 * Embeds without a model: words and their character n-grams, hashed into 384 signed dimensions (Weinberger et al., 2009; the n-grams
 * are fastText's). Words count by the root of their number, short ones less, a word's n-grams together about as much as the word.
 * It knows spelling, not meaning; it is there so that vectors work before an embedding model is configured.
 */
export function hashingVector(text: string): Float32Array {
  const vector = new Float32Array(DIMENSION);
  const counts = new Map<string, number>();
  for (const term of termsOf(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  for (const [term, count] of counts) {
    const weight = Math.sqrt(count) * (term.length <= 2 ? 0.1 : term.length === 3 ? 0.35 : 1);
    add(vector, hash(term, 1), weight);
    const marked = `<${term}>`;
    const pieces = piecesIn(marked.length);
    if (pieces === 0) continue;
    const share = (0.8 * weight) / Math.sqrt(pieces);
    for (let length = SHORTEST; length <= LONGEST; length += 1) {
      for (let at = 0; at + length <= marked.length; at += 1)
        add(vector, hash(marked.slice(at, at + length), 2), share);
    }
  }
  return vector;
}

function add(vector: Float32Array, hashed: number, weight: number): void {
  vector[(hashed >>> 1) % DIMENSION]! += hashed & 1 ? weight : -weight;
}

function piecesIn(length: number): number {
  let pieces = 0;
  for (let n = SHORTEST; n <= LONGEST; n += 1) pieces += Math.max(0, length - n + 1);
  return pieces;
}
