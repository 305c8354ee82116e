import { hash, termsOf } from './terms.ts';

export interface IndexedChunk {
  readonly text: string;
  readonly embedding: Float32Array;
}

/**
 * The index of one document, built once: its chunks never change. Postings are sorted by the 32-bit hash of their term (two words
 * of a million meet with a chance of 1 in 4,000; a meeting costs a little precision), 8 bytes a term and 4 a posting. Vectors have length 1.
 */
export class Segment {
  readonly texts: readonly string[];
  /** Terms in each chunk. */
  readonly lengths: Uint32Array;
  readonly totalLength: number;
  readonly dimension: number;
  /** One after another. */
  readonly vectors: Float32Array;
  private readonly terms: Uint32Array;
  private readonly starts: Uint32Array;
  /** Chunk and frequency, in turn. */
  readonly postings: Uint16Array;

  constructor(chunks: readonly IndexedChunk[]) {
    this.texts = chunks.map(({ text }) => text);
    this.lengths = new Uint32Array(chunks.length);
    const tokens = chunks.map(({ text }) => termsOf(text));
    this.totalLength = tokens.reduce((sum, terms, i) => sum + (this.lengths[i] = terms.length), 0);

    // Hash and chunk in one exact double, so that one native sort groups them.
    const occurrences = new Float64Array(this.totalLength);
    let at = 0;
    tokens.forEach((terms, chunk) => {
      for (const term of terms) occurrences[at++] = hash(term) * 65_536 + chunk;
    });
    occurrences.sort();
    const terms: number[] = [];
    const starts: number[] = [];
    const postings: number[] = [];
    for (let i = 0; i < occurrences.length;) {
      const occurrence = occurrences[i]!;
      let end = i + 1;
      while (end < occurrences.length && occurrences[end] === occurrence) end += 1;
      const term = Math.floor(occurrence / 65_536);
      if (terms.at(-1) !== term) {
        terms.push(term);
        starts.push(postings.length);
      }
      postings.push(occurrence % 65_536, Math.min(end - i, 65_535));
      i = end;
    }
    this.terms = Uint32Array.from(terms);
    this.starts = Uint32Array.from([...starts, postings.length]);
    this.postings = Uint16Array.from(postings);

    this.dimension = chunks[0]?.embedding.length ?? 0;
    this.vectors = new Float32Array(this.dimension * chunks.length);
    chunks.forEach(({ embedding }, i) => {
      const vector = normalised(embedding);
      if (vector.length === this.dimension) this.vectors.set(vector, i * this.dimension);
    });
  }

  get size(): number {
    return this.texts.length;
  }

  /** Where in `postings` those of the term begin and end; nothing: it does not occur. */
  find(term: number): { start: number; end: number } | undefined {
    let low = 0;
    let high = this.terms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.terms[middle]! < term) low = middle + 1;
      else high = middle;
    }
    return this.terms[low] === term ? { start: this.starts[low]!, end: this.starts[low + 1]! } : undefined;
  }
}

/** The vector at length 1, so that a product of two is the cosine of their angle. Zero stays zero; the argument stays as it was. */
export function normalised(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum === 0) return vector.slice();
  const unit = new Float32Array(vector.length);
  const length = Math.sqrt(sum);
  for (let i = 0; i < unit.length; i += 1) unit[i] = vector[i]! / length;
  return unit;
}

/**
 * A vector as it is stored and compared: at length 1, to six decimals (pgvector keeps seven digits; more would double the
 * text that carries it). What a replica reads back is what another computed.
 */
export function storable(vector: Float32Array): Float32Array {
  const unit = normalised(vector);
  for (let i = 0; i < unit.length; i += 1) unit[i] = Math.round(unit[i]! * 1e6) / 1e6;
  return unit;
}
