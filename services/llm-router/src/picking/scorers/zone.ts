import type { Scorer } from './scorer.ts';

/** The router's own zone, another one of its region, elsewhere. */
export const zone: Scorer = ({ endpoint }) => (endpoint.near ? 1 : endpoint.inRegion ? 0.5 : 0);
