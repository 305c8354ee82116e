import { rows, textTasks, type Weights } from '../classifier.ts';
import { buckets, featuresOf, type Features } from '../features.ts';
import type { Sample } from './corpus.ts';

export interface TrainingOptions {
  readonly epochs?: number;
  readonly rate?: number;
  /** How strongly weights are drawn to 0. */
  readonly decay?: number;
}

interface Example {
  readonly features: Features;
  readonly task: number;
  readonly hard: number;
}

// Taken once: in the innermost loop a look at a global costs more than the root, where tests run it in a context of its own.
const { sqrt } = Math;

/** The samples → a model. The same samples make the same model: nothing is random but the order, and that by a fixed seed. */
export function train(samples: readonly Sample[], options: TrainingOptions = {}): Weights {
  const { epochs = 12, rate = 0.5, decay = 1e-4 } = options;
  const examples = samples.map(({ prompt, task, hard }): Example => ({
    ...{ features: featuresOf(prompt), task: textTasks.indexOf(task), hard: hard ? 1 : 0 },
  }));
  // AdaGrad (Duchi et al. 2011): rare n-grams learn as fast as common ones.
  const weights = new Float64Array(buckets * rows);
  const squares = new Float64Array(buckets * rows).fill(1e-3);
  const biases = new Float64Array(rows);
  const random = shuffler(20_261_121);
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (const at of random(examples.length)) {
      const { features, task, hard } = examples[at]!;
      const errors = errorsOf(features, weights, biases, task, hard);
      for (let i = 0; i < features.indexes.length; i += 1) {
        const from = features.indexes[i]! * rows;
        for (let row = 0; row < rows; row += 1) {
          const gradient = errors[row]! * features.values[i]! + decay * weights[from + row]!;
          squares[from + row]! += gradient * gradient;
          weights[from + row]! -= (rate * gradient) / sqrt(squares[from + row]!);
        }
      }
      for (let row = 0; row < rows; row += 1) biases[row]! -= 0.02 * errors[row]!;
    }
  }
  return quantised(weights, biases);
}

/** Predicted less actual, by row. */
function errorsOf(
  { indexes, values }: Features,
  weights: Float64Array,
  biases: Float64Array,
  task: number,
  hard: number,
): Float64Array {
  const scores = Float64Array.from(biases);
  for (let i = 0; i < indexes.length; i += 1) {
    const from = indexes[i]! * rows;
    for (let row = 0; row < rows; row += 1) scores[row]! += weights[from + row]! * values[i]!;
  }
  const tasks = textTasks.length;
  const highest = Math.max(...scores.subarray(0, tasks));
  let sum = 0;
  for (let row = 0; row < tasks; row += 1) {
    scores[row] = Math.exp(scores[row]! - highest);
    sum += scores[row]!;
  }
  for (let row = 0; row < tasks; row += 1) scores[row] = scores[row]! / sum - (row === task ? 1 : 0);
  scores[tasks] = 1 / (1 + Math.exp(-scores[tasks]!)) - hard;
  return scores;
}

function quantised(weights: Float64Array, biases: Float64Array): Weights {
  const scales = Array.from({ length: rows }, (_, row) => {
    let largest = 0;
    for (let at = row; at < weights.length; at += rows) largest = Math.max(largest, Math.abs(weights[at]!));
    return Number((largest / 127).toPrecision(6));
  });
  return {
    scales,
    biases: Array.from(biases, (bias) => Number(bias.toFixed(4))),
    weights: Int8Array.from(weights, (weight, at) => Math.round(weight / scales[at % rows]!)),
  };
}

/** Orders of numbers from 0, from a linear congruential generator (Numerical Recipes). */
function shuffler(seed: number): (count: number) => number[] {
  let state = seed;
  return (count) => {
    const order = Array.from({ length: count }, (_, at) => at);
    for (let at = count - 1; at > 0; at -= 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const other = Math.floor((state / 2 ** 32) * (at + 1));
      [order[at], order[other]] = [order[other]!, order[at]!];
    }
    return order;
  };
}
