import { describe, expect, it } from '@jest/globals';
import type { Document, Library, StoredChunk } from './library.ts';
import { Segments } from './segments.ts';

const documentOf = (number: number, chunks: number): Document => ({
  ...{ number, storeId: 's', fileId: `f${number}`, filename: 'f', embedder: 'e', chunks },
});

/** A library that has the chunks of any document and counts what is read. */
function counting() {
  const read: number[] = [];
  const library = {
    async *chunks(_org: string, documents: readonly Document[]): AsyncGenerator<StoredChunk[]> {
      for (const { number, chunks } of documents) {
        read.push(number);
        for (let position = 0; position < chunks; position += 1) {
          yield [{ document: number, position, text: `text ${number} ${position}`, embedding: Float32Array.of(1) }];
        }
      }
    },
  } as Partial<Library> as Library;
  return { library, read };
}

describe('segments in memory', () => {
  it('are read once and then held', async () => {
    const { library, read } = counting();
    const segments = new Segments(library, 100);
    const documents = [documentOf(1, 2), documentOf(2, 3)];
    expect((await segments.of('o', documents)).map((segment) => segment?.texts)).toEqual([
      ['text 1 0', 'text 1 1'],
      ['text 2 0', 'text 2 1', 'text 2 2'],
    ]);
    await segments.of('o', documents);
    expect(read).toEqual([1, 2]);
  });

  it('are read once for questions that come together', async () => {
    const { library, read } = counting();
    const segments = new Segments(library, 100);
    const asked = await Promise.all([1, 2, 3].map(() => segments.of('o', [documentOf(1, 2)])));
    expect(asked.flat().map((segment) => segment?.size)).toEqual([2, 2, 2]);
    expect(read).toEqual([1]);
  });

  it('give way, least recently asked for first, when there are too many', async () => {
    const { library, read } = counting();
    const segments = new Segments(library, 5);
    await segments.of('o', [documentOf(1, 2)]);
    await segments.of('o', [documentOf(2, 2)]);
    await segments.of('o', [documentOf(1, 2)]);
    await segments.of('o', [documentOf(3, 2)]);
    await segments.of('o', [documentOf(1, 2)]);
    expect(read).toEqual([1, 2, 3]);
    await segments.of('o', [documentOf(2, 2)]);
    expect(read).toEqual([1, 2, 3, 2]);
  });

  it('are all there also when more is asked for than is held', async () => {
    const { library } = counting();
    const segments = new Segments(library, 3);
    const found = await segments.of(
      'o',
      [1, 2, 3, 4].map((number) => documentOf(number, 2)),
    );
    expect(found.map((segment) => segment?.size)).toEqual([2, 2, 2, 2]);
  });

  it('leave out what was deleted since it was listed', async () => {
    const { library } = counting();
    const found = await new Segments(library, 10).of('o', [documentOf(1, 0), documentOf(2, 1)]);
    expect(found.map((segment) => segment?.size)).toEqual([undefined, 1]);
  });
});
