import type { orchestrator, router } from '@flotilla/contracts';
import { costMicros, FlotillaError } from '@flotilla/kernel';
import type { CallContext } from '@flotilla/rpc';
import type { TurnParts } from './chat-turn.ts';

/** Embeds by the router and writes what it used. What fails used nothing. */
export async function embed(
  { router, journal, clock, prices }: TurnParts,
  { request, reservedTokens, leaseId }: orchestrator.EmbedRequest,
  context: CallContext,
): Promise<router.EmbedResponse> {
  const caller = request?.caller;
  if (!caller?.orgId || !caller.requestId) throw new FlotillaError('internal', 'The call has no caller.');
  const answer = await router.embed(request!, { timeoutMs: context.remainingMs(), signal: context.signal });
  const usage = answer.usage ?? { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: true };
  const model = answer.model || request!.model;
  journal.record({
    ...{ caller, model, provider: '', usage, reservedTokens, leaseId },
    ...{ outcome: 'completed', safety: 'unchecked', operation: 'embedding', at: clock.now() },
    costMicros: costMicros(usage, prices.of(request!.model || model)),
  });
  return answer;
}
