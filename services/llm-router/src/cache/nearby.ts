import type { common } from '@flotilla/contracts';
import { FlotillaError, type CacheConfig } from '@flotilla/kernel';
import type { AnswerKey } from './answer-key.ts';
import type { Near } from './kept-answers.ts';
import { questionFacts } from './question-facts.ts';

/** Embeds one text. Model absent: the first that embeds. */
export type EmbedQuestion = (
  question: { readonly caller: common.Caller | undefined; readonly model: string | undefined; readonly text: string },
  signal: AbortSignal,
) => Promise<{ readonly model: string; readonly vector: readonly number[] }>;

/** Where a question stands among others: its vector, and all that must be the same beside it. */
export async function placeOf(
  text: string,
  parts: {
    key: AnswerKey;
    caller: common.Caller | undefined;
    config: CacheConfig;
    embed: EmbedQuestion;
    signal: AbortSignal;
  },
): Promise<Near> {
  const { key, caller, config, embed, signal } = parts;
  const question = { caller, model: config.semantic.embedding_model, text };
  const { model, vector } = await embed(question, signal);
  // To PostgreSQL the distance of a vector of nothing is NaN, and NaN greater than any number.
  if (!vector.every(Number.isFinite) || vector.every((value) => value === 0)) {
    throw new FlotillaError('engine_error', 'The embedding model did not answer with a vector.');
  }
  // Vectors of two models, or of two lengths, cannot be compared.
  return { scope: key.scope(JSON.stringify([model, vector.length, questionFacts(text)])), vector };
}
