import type { chat, common, rag } from '@flotilla/contracts';
import { toFlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { retrievalSkipped } from './orchestrator.metrics.ts';
import type { TurnPlan } from './turn-plan.ts';

export type RagClient = Client<typeof rag.RagDefinition>;

export type Retrieved =
  | { readonly kind: 'passages'; readonly passages: readonly chat.Citation[] }
  | { readonly kind: 'skipped'; readonly notice: chat.Notice };

const NO_PASSAGES: Retrieved = Object.freeze({ kind: 'passages', passages: [] });

const skipped = (reason: 'late' | 'failed'): Retrieved => {
  retrievalSkipped.add(1, { reason });
  const why = reason === 'late' ? 'the search did not answer in time.' : 'the search failed.';
  return { kind: 'skipped', notice: { code: 'retrieval_skipped', message: `Answered without your documents: ${why}` } };
};

/** The passages a plan asks for. Documents that are late or fail are left out, and the answer says so. */
export async function retrieve(
  client: RagClient,
  plan: TurnPlan,
  caller: common.Caller,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<Retrieved> {
  if (plan.kind === 'direct') return NO_PASSAGES;
  try {
    const { query, limit } = plan;
    const storeIds = [...plan.storeIds];
    const { passages } = await client.retrieve({ caller, query, storeIds, limit }, { timeoutMs, signal });
    return { kind: 'passages', passages };
  } catch (error) {
    const failure = toFlotillaError(error);
    if (signal.aborted) throw failure;
    return skipped(failure.code === 'deadline_exceeded' ? 'late' : 'failed');
  }
}
