import { Best, type Hit } from './ranking.ts';
import type { Segment } from './segment.ts';
import { hash, termsOf } from './terms.ts';

/** Saturation of repeated terms and the weight of a passage's length: the values of Robertson and Zaragoza (2009). */
const K1 = 1.2;
const B = 0.75;
/** Different terms of a question that count; a longer one is cut. */
const MAX_QUERY_TERMS = 64;

/**
 * Okapi BM25 over the segments, whose chunks alone make the statistics: how rare a word is, and what length is usual, is the tenant's
 * own. The inverse frequency is Lucene's, which is never negative.
 */
export function bm25(segments: readonly Segment[], query: string, limit: number): readonly Hit[] {
  const terms = [...new Set(termsOf(query))].slice(0, MAX_QUERY_TERMS).map((term) => hash(term));
  let count = 0;
  let total = 0;
  for (const segment of segments) {
    count += segment.size;
    total += segment.totalLength;
  }
  if (count === 0 || total === 0) return [];
  const usual = total / count;
  const scores = new Float64Array(count);

  for (const term of terms) {
    const found = segments.map((segment) => segment.find(term));
    let containing = 0;
    for (const range of found) if (range) containing += (range.end - range.start) / 2;
    if (containing === 0) continue;
    const rarity = Math.log(1 + (count - containing + 0.5) / (containing + 0.5));
    let base = 0;
    for (let s = 0; s < segments.length; s += 1) {
      const { lengths, postings, size } = segments[s]!;
      const range = found[s];
      if (range) {
        for (let i = range.start; i < range.end; i += 2) {
          const chunk = postings[i]!;
          const frequency = postings[i + 1]!;
          const norm = K1 * (1 - B + (B * lengths[chunk]!) / usual);
          scores[base + chunk]! += (rarity * frequency * (K1 + 1)) / (frequency + norm);
        }
      }
      base += size;
    }
  }

  const best = new Best(limit);
  let at = 0;
  segments.forEach(({ size }, segment) => {
    for (let chunk = 0; chunk < size; chunk += 1, at += 1) {
      if (scores[at]! > 0) best.offer(segment, chunk, scores[at]!);
    }
  });
  return best.ranked();
}
