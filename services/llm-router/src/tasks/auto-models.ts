import { router } from '@flotilla/contracts';
import type { RoutingConfig } from '@flotilla/kernel';
import type { Candidate } from './candidates.ts';

/** Fewer candidates leave nothing to choose. */
const leastToChoose = 2;

/** What lists of models say of `auto`: it can do what some candidate can. */
export function autoModels(
  { policies }: RoutingConfig,
  candidates: readonly Candidate[],
  orgId: string,
  createdAt: number,
): router.Model[] {
  if (candidates.length < leastToChoose) return [];
  const names = Object.keys(policies).filter((name) => [undefined, orgId].includes(policies[name]!.org));
  const capabilities = [...new Set(candidates.flatMap((candidate) => [...candidate.capabilities]))].sort();
  return ['auto', ...names.map((name) => `auto:${name}`)].map((name) =>
    router.Model.fromPartial({
      ...{ name, capabilities, ownedBy: 'flotilla', source: 'file', installed: true, createdAt },
      ready: candidates.some(({ ready }) => ready),
      contextWindow: Math.max(...candidates.map(({ contextWindow }) => contextWindow)),
      description: 'Chooses a model by the prompt.',
    }),
  );
}
