import { Best, type Hit } from './ranking.ts';
import { normalised, type Segment } from './segment.ts';

/** The chunks whose vectors point most nearly where the question's does, all of them compared. Segments of another dimension are passed over. */
export function nearest(
  segments: readonly (Segment | undefined)[],
  question: Float32Array,
  limit: number,
): readonly Hit[] {
  const query = normalised(question);
  const best = new Best(limit);
  segments.forEach((segment, s) => {
    if (!segment || segment.dimension !== query.length) return;
    const { vectors, size, dimension } = segment;
    for (let chunk = 0, at = 0; chunk < size; chunk += 1) {
      let cosine = 0;
      for (let i = 0; i < dimension; i += 1, at += 1) cosine += vectors[at]! * query[i]!;
      if (cosine > 0) best.offer(s, chunk, cosine);
    }
  });
  return best.ranked();
}
