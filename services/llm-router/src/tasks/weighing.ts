import type { ModelPrice, RoutingPolicy } from '@flotilla/kernel';
import type { Asked } from './asked.ts';
import type { Candidate } from './candidates.ts';

export interface Weighed {
  readonly candidate: Candidate;
  /** Expected quality of the answer, 0 to 1. */
  readonly quality: number;
  /** 0 free to 1 at 50 USD per million tokens, by its logarithm. */
  readonly cost: number;
  readonly utility: number;
}

/** USD per million tokens: below it prices count as nearly alike, and at the other one as 1. */
const lowPrice = 0.05;
const highPrice = 50;
/** Of the expected quality, for a model that must be started first and for a language it is not good at. */
const coldLoss = 0.25;
const languageLoss = 0.2;

/**
 * utility = quality − cost_weight · cost, less what a cold start loses, where
 * quality = 1 − (1 − configured quality) · (0.2 + 1.6 · difficulty): easy prompts forgive a weak model, hard ones do not; and
 * cost = log(1 + price / 0.05) / log(1 + 50 / 0.05), the price in USD per million tokens of this request's mix.
 * Best first; of equals the cheaper, then the first by name. None depends on which others there are.
 */
export function weigh(candidates: readonly Candidate[], asked: Asked, policy: RoutingPolicy): Weighed[] {
  const weighed = candidates.map((candidate): Weighed => {
    const quality = expected(candidate, asked);
    const cost = costOf(candidate.price, asked);
    const utility = quality - policy.cost_weight * cost - (candidate.ready ? 0 : coldLoss);
    return { candidate, quality, cost, utility };
  });
  const good = weighed.filter(({ quality }) => quality >= policy.quality_floor);
  return (good.length > 0 ? good : weighed).sort(
    (a, b) => b.utility - a.utility || a.cost - b.cost || (a.candidate.name < b.candidate.name ? -1 : 1),
  );
}

function expected({ quality, languages }: Candidate, { task, difficulty, language }: Asked): number {
  const foreign = languages !== undefined && language !== '' && !languages.has(language);
  const missing = 1 - quality[task] + (foreign ? languageLoss : 0);
  return Math.max(0, 1 - missing * (0.2 + 1.6 * difficulty));
}

function costOf({ input, output }: ModelPrice, { promptTokens, answerTokens }: Asked): number {
  const mixed = (input * promptTokens + output * answerTokens) / Math.max(1, promptTokens + answerTokens);
  return Math.min(1, Math.log1p(mixed / lowPrice) / Math.log1p(highPrice / lowPrice));
}
