import type { Scorer } from './scorer.ts';

/** 1 for the cheapest, half for twice its price. What has no price counts as the cheapest: an engine of one's own. */
export const cost: Scorer = ({ target }, { prices, cheapest }) => {
  const price = prices.get(target) ?? 0;
  return price === 0 ? 1 : cheapest / price;
};
