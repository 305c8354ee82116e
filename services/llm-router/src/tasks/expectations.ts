import { taskKinds, type ModelPrice, type TaskKind } from '@flotilla/kernel';

/** What is taken of a model that nobody told anything of: its name and its size are all there is. */
const unknownQuality = 0.7;
/** USD per million tokens. */
const unknownPrice = 1;
/** USD per million tokens and billion parameters: about what open models cost at providers. */
const pricePerBillion = 0.01;

/** Names of models made for tasks: better at those, worse at others. */
const specialists: readonly (readonly [name: RegExp, tasks: readonly TaskKind[]])[] = [
  [/cod(?:e|er|ex|estral)\b|code[-_]?|starcoder/i, ['code']],
  [/math/i, ['math']],
  [/\br1\b|qwq|reason|think|\bo[134]\b/i, ['reasoning', 'math']],
  [/translat|nllb|madlad/i, ['translation']],
];

const small = /mini|small|tiny|nano|haiku|flash|lite/i;

/** Billions of parameters, by the name: `8b`, `1.5B`, `8x7b`. */
export function sizeOf(name: string): number | undefined {
  const found = /(?:(\d+)\s*x\s*)?(\d+(?:\.\d+)?)\s*b(?![a-z])/i.exec(name);
  return found ? Number(found[1] ?? 1) * Number(found[2]) : undefined;
}

/** 0 to 1, by task. */
export function guessedQuality(name: string): Record<TaskKind, number> {
  const size = sizeOf(name);
  const general =
    size === undefined ? unknownQuality - (small.test(name) ? 0.1 : 0) : Math.min(0.9, 0.3 + 0.1 * Math.log2(1 + size));
  const special = specialists.filter(([pattern]) => pattern.test(name)).flatMap(([, tasks]) => tasks);
  const quality = (task: TaskKind) => {
    if (special.length === 0) return general;
    return special.includes(task) ? Math.min(0.95, general + 0.1) : general - 0.1;
  };
  return Object.fromEntries(taskKinds.map((task) => [task, quality(task)])) as Record<TaskKind, number>;
}

export function guessedPrice(name: string): ModelPrice {
  const size = sizeOf(name);
  const each = size === undefined ? unknownPrice : size * pricePerBillion;
  return { input: each, output: each };
}
