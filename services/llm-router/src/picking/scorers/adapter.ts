import type { Candidate, Scorer } from './scorer.ts';

/** Milliseconds in which an adapter that was asked for is loaded, and the fleet tells of it. */
const loadingMs = 10_000;

/** llm-d's: the adapter runs there, there is room for it, others wait for it. Not above the load bound. */
export const adapter: Scorer = (candidate, context) => {
  if (!context.adapter || candidate.tooBusy) return 0;
  const { endpoint, target } = candidate;
  if (holdsAdapter(candidate)) return 1;
  const sentAt = endpoint.residents.get(target.model)?.sentAt;
  if (sentAt !== undefined && context.now - sentAt < loadingMs) return 1;
  const { runningAdapters = [], waitingAdapters = [], maxAdapters = 0 } = endpoint.facts;
  if (waitingAdapters.includes(target.model)) return 0.6;
  return maxAdapters === 0 || runningAdapters.length + waitingAdapters.length < maxAdapters ? 0.8 : 0;
};

export function holdsAdapter({ endpoint, target }: Pick<Candidate, 'endpoint' | 'target'>): boolean {
  return endpoint.facts.runningAdapters?.includes(target.model) ?? false;
}
