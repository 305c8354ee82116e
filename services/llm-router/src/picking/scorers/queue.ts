import type { Scorer } from './scorer.ts';

/** Half for what the others have on average; 1 for nothing. In shares of the mean, so that it means the same under any load. */
export const queue: Scorer = ({ busy }, { meanBusy }) => Math.max(0, 1 - busy / (2 * (meanBusy + 1)));
