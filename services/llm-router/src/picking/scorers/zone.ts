import type { Scorer } from './scorer.ts';

export const zone: Scorer = ({ endpoint }) => (endpoint.near ? 1 : 0);
