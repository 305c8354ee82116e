/** A chunk of one of the segments that were searched. */
export interface Hit {
  readonly segment: number;
  readonly chunk: number;
  readonly score: number;
}

/** The best of many, in bounded memory: worse ones fall out. Ties go to the earlier segment, then the earlier chunk. */
export class Best {
  private readonly hits: Hit[] = [];
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  offer(segment: number, chunk: number, score: number): void {
    const { hits } = this;
    if (hits.length === this.limit && score <= hits[hits.length - 1]!.score) return;
    let low = 0;
    let high = hits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (hits[middle]!.score >= score) low = middle + 1;
      else high = middle;
    }
    hits.splice(low, 0, { segment, chunk, score });
    if (hits.length > this.limit) hits.pop();
  }

  /** Best first. */
  ranked(): readonly Hit[] {
    return this.hits;
  }
}

/** Reciprocal rank fusion: 60 damps the first ranks (Cormack, Clarke, Büttcher, SIGIR 2009). */
const RRF_K = 60;

/** One ranking of several, by rank alone: scores of different kinds do not compare. Ties as in Best. */
export function fuse(rankings: readonly (readonly Hit[])[], limit: number): Hit[] {
  const fused = new Map<number, { segment: number; chunk: number; score: number }>();
  for (const ranking of rankings) {
    ranking.forEach(({ segment, chunk }, rank) => {
      const id = segment * 65_536 + chunk;
      const known = fused.get(id);
      const score = 1 / (RRF_K + rank + 1);
      if (known) known.score += score;
      else fused.set(id, { segment, chunk, score });
    });
  }
  return [...fused.values()]
    .sort((a, b) => b.score - a.score || a.segment - b.segment || a.chunk - b.chunk)
    .slice(0, limit);
}
