import { Best, type Hit } from './ranking.ts';
import type { Segment } from './segment.ts';

/** The chunks whose vectors point most nearly where the question's does, all of them compared. `query` has length 1. Segments of another dimension are passed over. */
export function nearest(
  segments: readonly (Segment | undefined)[],
  query: Float32Array,
  limit: number,
): readonly Hit[] {
  const best = new Best(limit);
  segments.forEach((segment, s) => {
    if (!segment || segment.dimension !== query.length) return;
    const { vectors, size, dimension } = segment;
    for (let chunk = 0; chunk < size; chunk += 1) {
      const cosine = product(vectors, chunk * dimension, query);
      if (cosine > 0) best.offer(s, chunk, cosine);
    }
  });
  return best.ranked();
}

/** Four sums side by side: one alone waits for itself at every step. */
function product(vectors: Float32Array, start: number, query: Float32Array): number {
  const whole = query.length - (query.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0, at = start; i < whole; i += 4, at += 4) {
    a += vectors[at]! * query[i]!;
    b += vectors[at + 1]! * query[i + 1]!;
    c += vectors[at + 2]! * query[i + 2]!;
    d += vectors[at + 3]! * query[i + 3]!;
  }
  for (let i = whole; i < query.length; i += 1) a += vectors[start + i]! * query[i]!;
  return a + b + c + d;
}
