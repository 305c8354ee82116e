import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bm25 } from './bm25.ts';
import { hashingVector } from './embedder.hashing.ts';
import { nearest } from './nearest.ts';
import { Best, fuse } from './ranking.ts';
import { normalised, SegmentBuilder, type IndexedChunk } from './segment.ts';
import { termsOf } from './terms.ts';

const build = (chunks: readonly IndexedChunk[]) => {
  const builder = new SegmentBuilder();
  for (const chunk of chunks) builder.add(chunk);
  return builder.build();
};
const segmentOf = (...texts: string[]) =>
  build(texts.map((text) => ({ text, embedding: normalised(hashingVector(text)) })));
const word = fc.constantFrom('krill', 'egg', 'ice', 'male', 'water', 'coffee', 'bar', 'the', 'of');
const text = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(' '));

/** BM25 by its definition, on strings. */
function oracle(texts: readonly string[], query: string): number[] {
  const documents = texts.map(termsOf);
  const usual = documents.reduce((sum, terms) => sum + terms.length, 0) / documents.length;
  return documents.map((terms) => {
    let score = 0;
    for (const term of new Set(termsOf(query))) {
      const containing = documents.filter((each) => each.includes(term)).length;
      const frequency = terms.filter((each) => each === term).length;
      const rarity = Math.log(1 + (documents.length - containing + 0.5) / (containing + 0.5));
      score += (rarity * frequency * 2.2) / (frequency + 1.2 * (0.25 + (0.75 * terms.length) / usual));
    }
    return score;
  });
}

describe('search by words', () => {
  it('scores as BM25 is defined, however the texts are spread over documents', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
        text,
        (groups, query) => {
          const expected = oracle(groups.flat(), query);
          const hits = bm25(
            groups.map((texts) => segmentOf(...texts)),
            query,
            1_000,
          );
          const flat = groups.flatMap((texts, segment) => texts.map((_, chunk) => ({ segment, chunk })));
          const scored = new Map(hits.map((hit) => [`${hit.segment} ${hit.chunk}`, hit.score]));
          flat.forEach(({ segment, chunk }, i) => {
            expect(scored.get(`${segment} ${chunk}`) ?? 0).toBeCloseTo(expected[i]!, 9);
          });
        },
      ),
    );
  });

  it('finds nothing in nothing, nor for words that do not occur', () => {
    expect(bm25([], 'krill', 10)).toEqual([]);
    expect(bm25([segmentOf('egg')], 'krill', 10)).toEqual([]);
    expect(bm25([segmentOf('...')], '!?', 10)).toEqual([]);
  });
});

describe('search by vectors', () => {
  it('puts the text itself first and an inflected one next', () => {
    const texts = ['brewing espresso', 'emperor penguin', 'emperor penguins breeding', 'tax law'];
    const hits = nearest([segmentOf(...texts)], normalised(hashingVector('emperor penguin')), 10);
    expect(hits.slice(0, 2).map(({ chunk }) => chunk)).toEqual([1, 2]);
    expect(hits[0]!.score).toBeCloseTo(1, 5);
  });

  it('passes over documents of another dimension and those that are not searched', () => {
    const other = build([{ text: 'x', embedding: Float32Array.of(1, 0) }]);
    const hits = nearest([other, undefined, segmentOf('krill')], normalised(hashingVector('krill')), 10);
    expect(hits.map(({ segment }) => segment)).toEqual([2]);
  });
});

describe('ranking', () => {
  it('keeps the best in order, ties to the earlier, whatever the order they come in', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 50 }),
        fc.integer({ min: 1, max: 10 }),
        (scores, limit) => {
          const best = new Best(limit);
          scores.forEach((score, i) => best.offer(0, i, score));
          const expected = scores.map((score, chunk) => ({ segment: 0, chunk, score }));
          expected.sort((a, b) => b.score - a.score || a.chunk - b.chunk);
          expect(best.ranked()).toEqual(expected.slice(0, limit));
        },
      ),
    );
  });

  it('fuses by rank: what two rankings like beats what one likes most', () => {
    const hit = (chunk: number) => ({ segment: 0, chunk, score: 1 });
    const fused = fuse(
      [
        [hit(1), hit(2)],
        [hit(3), hit(2)],
      ],
      3,
    );
    expect(fused.map(({ chunk }) => chunk)).toEqual([2, 1, 3]);
    expect(fused[0]!.score).toBeCloseTo(2 / 62, 12);
  });
});
