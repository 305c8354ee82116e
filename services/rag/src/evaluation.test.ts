import { describe, expect, it } from '@jest/globals';
import { bm25 } from './bm25.ts';
import { hashingVector } from './embedder.hashing.ts';
import { nearest } from './nearest.ts';
import { fuse, type Hit } from './ranking.ts';
import { normalised, SegmentBuilder } from './segment.ts';

// Texts in groups of near neighbours, so that a question must tell them apart; questions in other words, inflections and with slips.
const set: [text: string, question: string][] = [
  [
    'Emperor penguins breed on the Antarctic sea ice; the male incubates one egg on his feet for 64 days.',
    'how long do male penguins incubate eggs',
  ],
  [
    'King penguins breed on subantarctic islands and take turns with their single egg for 54 days.',
    'penguin species of the subantarctic islands',
  ],
  ['Puffins dig burrows in grassy cliffs and carry a dozen sand eels in their beaks.', 'which bird burrows in cliffs'],
  [
    'Espresso is brewed by forcing hot water at nine bars through finely ground coffee.',
    'water pressure for brewing an espresso',
  ],
  [
    'Cold brew coffee steeps coarse grounds in cold water for eighteen hours.',
    'hours of steeping for cold-brewed coffee',
  ],
  [
    'Green tea is steamed or pan fired soon after plucking, which stops oxidation of the leaves.',
    'why are green tea leaves steamed',
  ],
  [
    'Employees accrue twenty five days of paid vacation a year; ten may be carried over.',
    'how many vacation days can an employee carry over',
  ],
  [
    'Sick leave needs a certificate from a physician from the third day of absence.',
    'physicians certificate for sickness absence',
  ],
  ['Parental leave is granted for up to fourteen months and keeps the position open.', 'months of parental leave'],
  [
    'Expense reports are due within thirty days; receipts above 25 euros must be attached.',
    'attach receipt to expenses report',
  ],
  [
    'The API key is rotated with an overlap of one hour, in which both keys are accepted.',
    'rotating API keys overlapping time',
  ],
  [
    'A revoked key is refused on every replica within a second of its revocation.',
    'revoking a key takes how long on replicas',
  ],
  [
    'Requests above the rate limit are answered with status 429 and a retry-after header.',
    'status code when rate limited',
  ],
  [
    'The backup runs nightly at two and is kept for ninety days in another region.',
    'how long are nightly backups kept',
  ],
  ['Restoring the database from a backup needs the encryption key of the month.', 'encryption key to restore databse'],
  ['The Treaty of Westphalia ended the Thirty Years War in 1648.', 'treaty that ended the thirty years war'],
  [
    'The Congress of Vienna redrew the map of Europe after Napoleon in 1815.',
    'Napoleonic wars congress redrawing Europe',
  ],
  [
    'Photosynthesis turns carbon dioxide and water into glucose with the energy of light.',
    'photosynthetic production of glucose',
  ],
  [
    'Mitochondria produce adenosine triphosphate by oxidising glucose in the cell.',
    'mitochondrial adenosin triphosphat',
  ],
  [
    'A transformer attends to all tokens at once; its KV cache keeps keys and values of earlier tokens.',
    'what does the kv-cache of transformers keep',
  ],
];

describe('the evaluation set', () => {
  const builder = new SegmentBuilder();
  for (const [text] of set) builder.add({ text, embedding: normalised(hashingVector(text)) });
  const segment = builder.build();
  const measure = (search: (question: string) => readonly Hit[]) => {
    let [recall, reciprocal] = [0, 0];
    set.forEach(([, question], i) => {
      const rank = search(question).findIndex(({ chunk }) => chunk === i);
      if (rank >= 0 && rank < 4) recall += 1 / set.length;
      if (rank >= 0) reciprocal += 1 / (rank + 1) / set.length;
    });
    return { recall: Math.round(recall * 1_000) / 1_000, reciprocal };
  };
  const words = measure((question) => bm25([segment], question, 4));
  const vectors = measure((question) => nearest([segment], normalised(hashingVector(question)), 4));
  const hybrid = measure((question) =>
    fuse([bm25([segment], question, 50), nearest([segment], normalised(hashingVector(question)), 50)], 4),
  );

  it('finds at least nine of ten answers among the first four passages', () => {
    expect(hybrid.recall).toBeGreaterThanOrEqual(0.9);
  });

  it('finds no fewer by words and vectors together than by either alone', () => {
    expect(hybrid.recall).toBeGreaterThanOrEqual(words.recall);
    expect(hybrid.recall).toBeGreaterThanOrEqual(vectors.recall);
  });

  it('puts the answer first nearly always', () => {
    expect(hybrid.reciprocal).toBeGreaterThanOrEqual(0.9);
    expect(hybrid.reciprocal).toBeGreaterThanOrEqual(words.reciprocal);
  });

  it('holds questions that words alone cannot answer', () => {
    expect(words.recall).toBeLessThan(1);
  });
});
