import type { common, orchestrator, router } from '@flotilla/contracts';
import { costMicros, FlotillaError, toFlotillaError, type ModelPrice } from '@flotilla/kernel';
import type { CallContext } from '@flotilla/rpc';
import type { TurnParts } from './chat-turn.ts';
import type { Outcome } from './turn-record.ts';

const nothing: common.Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: true };

/** Embeds by the router and writes what it used; what fails used nothing, and is written so that its reservation is freed. */
export async function embed(
  { router, journal, clock, prices }: TurnParts,
  { request, reservedTokens, leaseId }: orchestrator.EmbedRequest,
  context: CallContext,
): Promise<router.EmbedResponse> {
  const caller = request?.caller;
  if (!caller?.orgId || !caller.requestId) throw new FlotillaError('internal', 'The call has no caller.');
  const write = (outcome: Outcome, usage: common.Usage, model: string, price?: ModelPrice) =>
    journal.record({
      ...{ caller, model, provider: '', usage, reservedTokens, leaseId, outcome },
      ...{ safety: 'unchecked', operation: 'embedding', at: clock.now() },
      costMicros: costMicros(usage, price ?? prices.of(request!.model || model)),
    });
  try {
    const answer = await router.embed(request!, { timeoutMs: context.remainingMs(), signal: context.signal });
    write('completed', answer.usage ?? nothing, answer.model || request!.model, answer.price);
    return answer;
  } catch (error) {
    write(toFlotillaError(error).code === 'cancelled' ? 'cancelled' : 'failed', nothing, request!.model);
    throw error;
  }
}
