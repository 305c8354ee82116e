import type { chat, common, limits } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError, type ModelPrice } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, logger } from '@flotilla/telemetry';
import { boundTokens } from './token-estimate.ts';

export type LimitsClient = Client<typeof limits.LimitsDefinition>;

const settleTimeoutMs = 5_000;
const reservation = { leaseId: '', reservedTokens: 0 };
const nothing: common.Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };

const log = logger('orchestrator');
const reservations = counter({
  name: 'flotilla_orchestrator_context_reservations_total',
  description: 'Reservations for what history and documents add to prompts in strict mode, by outcome',
  unit: '{request}',
});

export interface ContextReservationOptions {
  readonly limiter: LimitsClient;
  readonly caller: common.Caller;
  readonly subjects: readonly limits.Subject[];
  readonly price: ModelPrice | undefined;
  /** Milliseconds the limiter may take, and those the call has left. */
  readonly timeoutMs: number;
  readonly holdMs: number;
  readonly signal: AbortSignal;
}

/** What the limiter holds for that part of a prompt which the gateway did not see. */
export class ContextReservation {
  private constructor(private readonly options: ContextReservationOptions) {}

  /**
   * Reserves no less than the messages will cost. Undefined when the limiter cannot be asked: then nothing is held, as in the
   * gateway. Throws `rate_limit_exceeded`.
   */
  static async take(
    options: ContextReservationOptions,
    added: readonly chat.Message[],
  ): Promise<ContextReservation | undefined> {
    const { limiter, caller, price, holdMs, timeoutMs, signal } = options;
    const promptTokens = boundTokens(added);
    const subjects = [...options.subjects];
    let answer: limits.ReserveResponse;
    try {
      answer = await limiter.reserve(
        {
          ...{ caller: ofContext(caller), promptTokens, outputTokens: 0, defaultOutputTokens: 0 },
          ...{ subjects, price, holdMs, tokensOnly: true },
        },
        { timeoutMs, signal },
      );
    } catch (error) {
      const failure = toFlotillaError(error);
      if (signal.aborted) throw failure;
      reservations.add(1, { outcome: 'unavailable' });
      log.warn('the rate limiter did not answer: a prompt grew without it', { code: failure.code });
      return undefined;
    }
    reservations.add(1, { outcome: answer.allowed ? 'allowed' : 'refused' });
    if (!answer.allowed) throw refusal(answer, promptTokens);
    return new ContextReservation(options);
  }

  /**
   * Settles the whole request by what it used, and only then frees what was held for its context: between the two nobody can take
   * what this request has used. The usage event that follows finds it settled.
   */
  settle(usage: common.Usage, costMicros: number): void {
    void this.#settle(usage, costMicros);
  }

  async #settle(usage: common.Usage, costMicros: number): Promise<void> {
    const { limiter, caller } = this.options;
    const options = { timeoutMs: settleTimeoutMs };
    try {
      await limiter.settle({ caller, usage, costMicros, ...reservation }, options);
      await limiter.settle({ caller: ofContext(caller), usage: nothing, costMicros: 0, ...reservation }, options);
    } catch (error) {
      log.warn('what was reserved for a context is left to expire', { code: toFlotillaError(error).code });
    }
  }
}

/** A request of its own for the limiter, which counts it as part of the other. */
function ofContext(caller: common.Caller): common.Caller {
  return { ...caller, requestId: `${caller.requestId}/context` };
}

function refusal({ limits, refusedBy, refusedScope, retryAfterMs }: limits.ReserveResponse, tokens: number) {
  const limit = limits.find(({ name, scope }) => name === refusedBy && scope === refusedScope);
  const named = `${refusedBy.replaceAll('_', ' ')}${refusedScope ? ` of the ${refusedScope}` : ''}`;
  const size = limit ? ` (${limit.limit}, ${Math.max(0, Math.floor(limit.remaining))} left)` : '';
  const message =
    `History and documents add about ${tokens} tokens to this prompt, more than the limit ${named}${size} leaves. ` +
    'Try again later, or ask with less of them.';
  return new FlotillaError('rate_limit_exceeded', message, {
    details: { retryAfterMs: retryAfterMs > 0 ? retryAfterMs : undefined },
  });
}
