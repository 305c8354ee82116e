import type { router } from '@flotilla/contracts';
import { mayUse } from '../../chat/model-access.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';

type Wanted = Omit<router.ListModelsRequest, 'caller'>;

const everyday: Wanted = { includeNonInstalled: false, includeTestModels: false };

/** The models there are, as far as the key may use them; by name. */
export async function usableModels(
  edge: Edge,
  { caller, identity, signal }: Exchange,
  wanted = everyday,
): Promise<router.Model[]> {
  const { models } = await edge.router.listModels(
    { caller, ...wanted },
    { signal, timeoutMs: edge.config.callTimeoutMs },
  );
  return models.filter(({ name }) => mayUse(identity, name));
}
