import type { limits } from '@flotilla/contracts';
import { toFlotillaError, type Clock, type ErrorCode, type FlotillaError, type ModelPrices } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { logger } from '@flotilla/telemetry';
import { noUsage } from '../chat/answer.ts';
import type { Circuit } from './circuit.ts';
import { decided } from './decisions.ts';
import { each, leastTokens, type Asker, type Grant, type Wish } from './grant.ts';
import { LimitReached, type Refusal } from './limit-reached.ts';

export interface ReservationsOptions {
  limiter: Client<limits.LimitsDefinition>;
  circuit: Circuit;
  prices: ModelPrices;
  clock: Clock;
  /** Milliseconds the limiter may take. */
  timeoutMs: number;
  /** Milliseconds a request may run. */
  holdMs: number;
}

/** The limiter did not decide: the code of its error, or `skipped` when it was not asked. */
export interface Undecided {
  readonly undecided: ErrorCode | 'skipped';
}

const settleTimeoutMs = 5_000;
/** With these, tokens may have been generated: the orchestrator says what was used, not we. */
const mayHaveGenerated: ReadonlySet<ErrorCode> = new Set([
  'cancelled',
  'deadline_exceeded',
  'engine_error',
  'internal',
]);
/**
 * A call that is `unavailable` never arrived, or broke off. In the second case the orchestrator's event says what was
 * used, and it has come after so many milliseconds; only then what was granted is given back, if it is there still.
 */
const lostCallMs = 10_000;
/** Such calls that are waited for, about 1 KiB each; of more, what was granted is given back at once. */
const mostLost = 10_000;

const log = logger('gateway.admission');

/** What the limiter holds for requests, each by its own id. */
export class Reservations {
  #lost = 0;

  constructor(private readonly options: ReservationsOptions) {}

  /** Throws a LimitReached, or what the signal says. */
  async reserve(asker: Asker, wish: Wish): Promise<Grant | Undecided> {
    const { limiter, circuit, prices, timeoutMs, holdMs } = this.options;
    const { caller, signal } = asker;
    const { model, promptTokens, outputTokens, defaultOutputTokens } = wish;
    if (!circuit.enter()) return { undecided: 'skipped' };
    const request: limits.ReserveRequest = {
      ...{ caller, promptTokens, outputTokens, defaultOutputTokens, holdMs, tokensOnly: false },
      ...{ subjects: [...asker.identity.plan.subjects], price: prices.of(model) },
    };
    try {
      const answer = await limiter.reserve(request, { timeoutMs, signal });
      circuit.succeeded();
      return this.#grant(asker, wish, answer);
    } catch (error) {
      if (error instanceof LimitReached) throw error;
      const { code } = toFlotillaError(error);
      if (code !== 'cancelled') {
        circuit.failed();
        return { undecided: code };
      }
      circuit.left();
      // The limiter may have decided already.
      this.giveBack(asker);
      throw error;
    }
  }

  /** The request used nothing. Runs by itself: a reservation expires if this is lost. */
  giveBack({ caller }: Asker, leaseId = '', reservedTokens = 0): void {
    this.options.limiter
      .settle({ caller, usage: noUsage, costMicros: 0, leaseId, reservedTokens }, { timeoutMs: settleTimeoutMs })
      .catch((error: unknown) => log.debug('a reservation was left to expire', { code: toFlotillaError(error).code }));
  }

  /** The request was handed on and failed before anything of its answer came. */
  failed(asker: Asker, grant: Grant, { code }: FlotillaError): void {
    if (mayHaveGenerated.has(code) || grant.reservedTokens === 0) return;
    const giveBack = () => this.giveBack(asker, grant.leaseId, grant.reservedTokens);
    if (code !== 'unavailable' || this.#lost >= mostLost) return giveBack();
    this.#lost += 1;
    this.options.clock.after(lostCallMs, () => {
      this.#lost -= 1;
      giveBack();
    });
  }

  #grant(asker: Asker, wish: Wish, answer: limits.ReserveResponse): Grant {
    const { promptTokens, outputTokens, choices } = wish;
    const { allowed, grantedOutputTokens, limits } = answer;
    const { plan } = asker.identity;
    if (allowed && grantedOutputTokens < choices) this.giveBack(asker);
    if (!allowed || grantedOutputTokens < choices) {
      decided.limiterRefused.add(1);
      throw new LimitReached(allowed ? tooFew(limits) : answer, leastTokens(wish));
    }
    decided.limiter.add(1);
    return {
      maxTokens: each(outputTokens > 0 ? Math.min(grantedOutputTokens, outputTokens) : grantedOutputTokens, wish),
      reservedTokens: promptTokens + grantedOutputTokens,
      ...{ leaseId: '', limits, strictSubjects: plan.mode === 'strict' ? plan.subjects : [] },
    };
  }
}

/** Which limit leaves fewer tokens than the choices need. */
function tooFew(states: limits.LimitState[]): Refusal {
  let found: limits.LimitState | undefined;
  for (const state of states) {
    if (state.name.startsWith('tokens') && (!found || state.remaining < found.remaining)) found = state;
  }
  const { name = 'tokens_per_minute', scope = '', resetMs = 0 } = found ?? {};
  return { refusedBy: name, refusedScope: scope, retryAfterMs: resetMs, limits: states };
}
