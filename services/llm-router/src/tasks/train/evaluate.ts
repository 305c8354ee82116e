import { textTasks, type Classifier, type TextTask } from '../classifier.ts';
import type { Sample } from './corpus.ts';

export interface Evaluation {
  /** Of the tasks, 0 to 1. */
  readonly accuracy: number;
  /** Of easy against hard, 0 to 1. */
  readonly difficultyAccuracy: number;
  /** By what was right, then by what was said. */
  readonly confusion: Readonly<Record<TextTask, Readonly<Record<TextTask, number>>>>;
}

export function evaluate(classifier: Classifier, samples: readonly Sample[]): Evaluation {
  const none = () => Object.fromEntries(textTasks.map((task) => [task, 0])) as Record<TextTask, number>;
  const confusion = Object.fromEntries(textTasks.map((task) => [task, none()])) as Record<
    TextTask,
    Record<TextTask, number>
  >;
  let right = 0;
  let gauged = 0;
  for (const { prompt, task, hard } of samples) {
    const said = classifier.classify(prompt);
    confusion[task][said.task] += 1;
    if (said.task === task) right += 1;
    if (said.difficulty > 0.5 === hard) gauged += 1;
  }
  return { accuracy: right / samples.length, difficultyAccuracy: gauged / samples.length, confusion };
}

/** The evaluation as a table in Markdown. */
export function tableOf({ accuracy, difficultyAccuracy, confusion }: Evaluation): string {
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    `${(accuracy * 100).toFixed(1)} % of the tasks right, ${(difficultyAccuracy * 100).toFixed(1)} % of easy against hard.`,
    '',
    row(['', ...textTasks]),
    row(['---', ...textTasks.map(() => '---:')]),
    ...textTasks.map((task) => row([task, ...textTasks.map((said) => confusion[task][said] || '')])),
  ].join('\n');
}
