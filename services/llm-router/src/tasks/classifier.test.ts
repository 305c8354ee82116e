import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Classifier } from './classifier.ts';
import { featuresOf } from './features.ts';
import { readCorpus, type Corpus } from './train/corpus.ts';
import { evaluate } from './train/evaluate.ts';
import { train } from './train/train.ts';
import { weights } from './weights.generated.ts';

const data = path.join(import.meta.dirname, 'train/data');
const classifier = new Classifier(weights);
let corpus: Corpus;
beforeAll(() => {
  corpus = readCorpus(data);
});

describe('the task of a prompt', () => {
  it('is told right for nine of ten prompts that the training has not seen, and easy from hard for eight', () => {
    const { accuracy, difficultyAccuracy } = evaluate(classifier, corpus.heldOut);
    expect(accuracy).toBeGreaterThanOrEqual(0.9);
    expect(difficultyAccuracy).toBeGreaterThanOrEqual(0.8);
  });

  it('is told by weights that are what training on the other two thirds gives', () => {
    expect(train(corpus.training)).toEqual(weights);
  }, 120_000);

  it('is held against prompts of which training has neither line nor passage', () => {
    const seen = new Set(corpus.training.map(({ prompt }) => prompt));
    expect(corpus.heldOut.filter(({ prompt }) => seen.has(prompt))).toEqual([]);
    const share = corpus.heldOut.length / (corpus.heldOut.length + new Set(seen).size);
    expect(share).toBeGreaterThan(0.2);
    for (const task of ['code', 'math', 'chat']) expect(corpus.heldOut.some((one) => one.task === task)).toBe(true);
  });

  it.each([
    '',
    ' ',
    '\n\n\n\n',
    '?',
    '\u0000',
    '\ud800',
    '𝔘𝔫𝔦',
    'a'.repeat(1e6),
    '\n\n'.repeat(1e5),
    '((((('.repeat(1e4),
  ])('is told of whatever comes: %#', (prompt) => {
    const { probability, difficulty } = classifier.classify(prompt);
    for (const figure of [probability, difficulty]) {
      expect(figure).toBeGreaterThanOrEqual(0);
      expect(figure).toBeLessThanOrEqual(1);
    }
  });

  it('is read from both ends of a long prompt, and from no more', () => {
    const novel = 'The gulls followed her up the path. '.repeat(5_000);
    expect(classifier.classify(`${novel}\n\nTranslate this into German.`).task).toBe('translation');
    expect(classifier.classify(`Summarise this text in three sentences:\n\n${novel}`).task).toBe('summarisation');
    expect(featuresOf(novel).indexes.length).toBeLessThan(5_000);
  });
});
