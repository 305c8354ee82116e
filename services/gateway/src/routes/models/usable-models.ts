import type { router } from '@flotilla/contracts';
import { mayUse } from '../../chat/model-access.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';

/** The models there are, as far as the key may use them; by name. */
export async function usableModels(edge: Edge, { caller, identity, signal }: Exchange): Promise<router.Model[]> {
  const { models } = await edge.router.listModels(
    { caller, includeNonInstalled: false, includeTestModels: false },
    { signal, timeoutMs: edge.config.callTimeoutMs },
  );
  return models.filter(({ name }) => mayUse(identity, name));
}
