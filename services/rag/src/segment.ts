import { hash, termsOf } from './terms.ts';

export interface IndexedChunk {
  readonly text: string;
  /** At length 1. */
  readonly embedding: Float32Array;
}

interface Parts {
  readonly texts: readonly string[];
  readonly lengths: Uint32Array;
  readonly totalLength: number;
  readonly dimension: number;
  readonly vectors: Float32Array;
  readonly terms: Uint32Array;
  readonly starts: Uint32Array;
  readonly postings: Uint16Array;
}

/**
 * The index of one document, built once: its chunks never change. Postings are sorted by the 32-bit hash of their term (two words
 * of a million meet with a chance of 1 in 4,000; a meeting costs a little precision), 8 bytes a term and 4 a posting.
 */
export class Segment {
  readonly texts: readonly string[];
  /** Terms in each chunk. */
  readonly lengths: Uint32Array;
  readonly totalLength: number;
  readonly dimension: number;
  /** One after another, at length 1. */
  readonly vectors: Float32Array;
  /** Chunk and frequency, in turn. */
  readonly postings: Uint16Array;
  private readonly terms: Uint32Array;
  private readonly starts: Uint32Array;

  constructor(parts: Parts) {
    this.texts = parts.texts;
    this.lengths = parts.lengths;
    this.totalLength = parts.totalLength;
    this.dimension = parts.dimension;
    this.vectors = parts.vectors;
    this.postings = parts.postings;
    this.terms = parts.terms;
    this.starts = parts.starts;
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

/** Builds a segment chunk by chunk, so that the work of a long document can be spread over turns of the event loop. */
export class SegmentBuilder {
  private readonly chunks: IndexedChunk[] = [];
  private readonly lengths: number[] = [];
  /** Hash and chunk in one exact double, so that one native sort groups them. */
  private readonly occurrences: number[] = [];

  get size(): number {
    return this.chunks.length;
  }

  add(chunk: IndexedChunk): void {
    const terms = termsOf(chunk.text);
    for (const term of terms) this.occurrences.push(hash(term) * 65_536 + this.chunks.length);
    this.lengths.push(terms.length);
    this.chunks.push(chunk);
  }

  build(): Segment {
    const occurrences = Float64Array.from(this.occurrences).sort();
    const terms: number[] = [];
    const starts: number[] = [];
    const postings: number[] = [];
    for (let i = 0; i < occurrences.length;) {
      const occurrence = occurrences[i]!;
      let end = i + 1;
      while (end < occurrences.length && occurrences[end] === occurrence) end += 1;
      const term = Math.floor(occurrence / 65_536);
      if (terms[terms.length - 1] !== term) {
        terms.push(term);
        starts.push(postings.length);
      }
      postings.push(occurrence % 65_536, Math.min(end - i, 65_535));
      i = end;
    }
    starts.push(postings.length);
    const dimension = this.chunks[0]?.embedding.length ?? 0;
    const vectors = new Float32Array(dimension * this.chunks.length);
    this.chunks.forEach(({ embedding }, i) => {
      if (embedding.length === dimension) vectors.set(embedding, i * dimension);
    });
    return new Segment({
      ...{ texts: this.chunks.map(({ text }) => text), lengths: Uint32Array.from(this.lengths), dimension, vectors },
      ...{ totalLength: occurrences.length, terms: Uint32Array.from(terms), starts: Uint32Array.from(starts) },
      postings: Uint16Array.from(postings),
    });
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
