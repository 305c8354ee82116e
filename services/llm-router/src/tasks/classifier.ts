import type { TaskKind } from '@flotilla/kernel';
import { buckets, featuresOf, type Features } from './features.ts';

/** What the classifier tells apart; images and tools are seen without it. */
export const textTasks = [
  'code',
  'math',
  'reasoning',
  'translation',
  'summarisation',
  'extraction',
  'creative',
  'chat',
] as const satisfies TaskKind[];
export type TextTask = (typeof textTasks)[number];

/** Rows of a model: one for each task, and one for how hard it is. */
export const rows = textTasks.length + 1;

/** A linear model in whole numbers: `weights[bucket * rows + row]`, times the row's scale, plus its bias. */
export interface Weights {
  readonly scales: readonly number[];
  readonly biases: readonly number[];
  readonly weights: Int8Array;
}

export interface Classified {
  readonly task: TextTask;
  /** Of the task, 0 to 1. */
  readonly probability: number;
  /** 0 easy to 1 hard. */
  readonly difficulty: number;
}

/** Multinomial logistic regression over hashed n-grams. */
export class Classifier {
  readonly #model: Weights;

  constructor(model: Weights) {
    if (model.weights.length !== buckets * rows) throw new Error('The weights of the task classifier do not fit.');
    this.#model = model;
  }

  classify(prompt: string): Classified {
    const scores = this.#scores(featuresOf(prompt));
    const tasks = scores.slice(0, textTasks.length);
    const best = tasks.indexOf(Math.max(...tasks));
    const sum = tasks.reduce((total, score) => total + Math.exp(score - tasks[best]!), 0);
    return { task: textTasks[best]!, probability: 1 / sum, difficulty: 1 / (1 + Math.exp(-scores[rows - 1]!)) };
  }

  #scores({ indexes, values }: Features): number[] {
    const { weights, scales, biases } = this.#model;
    const sums = new Float64Array(rows);
    for (let i = 0; i < indexes.length; i += 1) {
      const from = indexes[i]! * rows;
      for (let row = 0; row < rows; row += 1) sums[row]! += weights[from + row]! * values[i]!;
    }
    return biases.map((bias, row) => bias + sums[row]! * scales[row]!);
  }
}
