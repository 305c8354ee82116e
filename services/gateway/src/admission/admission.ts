import type { limits } from '@flotilla/contracts';
import { ModelPrices, toFlotillaError } from '@flotilla/kernel';
import type { Clock, ErrorCode, FlotillaError, Live, PlatformFile, Random } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, logger } from '@flotilla/telemetry';
import type { ChatBody } from '../chat/chat-body.ts';
import type { Exchange } from '../http/exchange.ts';
import { Circuit } from './circuit.ts';
import { Leases } from './leases.ts';
import { LimitReached } from './limit-reached.ts';
import { LocalLimits } from './local-limits.ts';
import { boundInputTokens, boundPromptTokens, estimateInputTokens, estimatePromptTokens } from './prompt-estimate.ts';

/** Who asks, and when they have left: an exchange, or one chat of a WebSocket. */
export type Asker = Pick<Exchange, 'caller' | 'identity' | 'signal'>;

/** What a request may use. */
export interface Grant {
  /** Output tokens for each choice; the engine is never asked for more. */
  readonly maxTokens: number;
  /** What the limiter or the lease holds for this request; 0 when it was decided without either. */
  readonly reservedTokens: number;
  /** The lease it was admitted under; empty: none. */
  readonly leaseId: string;
  /** From these the orchestrator reserves what it adds to the prompt; empty: it need not. */
  readonly strictSubjects: readonly limits.Subject[];
  /** For the headers; empty when nobody could say. */
  readonly limits: readonly limits.LimitState[];
}

export interface AdmissionOptions {
  limiter: Client<limits.LimitsDefinition>;
  file: Live<PlatformFile>;
  clock: Clock;
  random: Random;
  /** Milliseconds the limiter may take. */
  timeoutMs: number;
  /** Milliseconds a request may run. */
  holdMs: number;
  leaseTtlMs: number;
  leaseRequests: number;
}

/** What a request asks for. Tokens are those of all choices. */
interface Wish {
  readonly model: string;
  readonly choices: number;
  readonly promptTokens: number;
  /** 0: as many as it may have, up to the default. */
  readonly outputTokens: number;
  readonly defaultOutputTokens: number;
}

/** Milliseconds between two log lines about a limiter that does not answer. */
const logEveryMs = 1_000;
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
const unavailable = counter({
  name: 'flotilla_gateway_limiter_unavailable_total',
  description:
    'Requests decided by local limits because the rate limiter did not answer, by the error (skipped: not asked)',
  unit: '{request}',
});
const decisions = counter({
  name: 'flotilla_gateway_admissions_total',
  description: 'Decisions on requests, by who decided (lease, limiter, local) and outcome',
  unit: '{request}',
});
const decided = {
  lease: decisions.bind({ by: 'lease', outcome: 'allowed' }),
  limiter: decisions.bind({ by: 'limiter', outcome: 'allowed' }),
  limiterRefused: decisions.bind({ by: 'limiter', outcome: 'refused' }),
  local: decisions.bind({ by: 'local', outcome: 'allowed' }),
  localRefused: decisions.bind({ by: 'local', outcome: 'refused' }),
};

/**
 * Decides whether a request may run and how much it may use: from a lease in hand, by asking the limiter, or, while the
 * limiter cannot be asked, by local limits that only bound a flood.
 */
export class Admission {
  readonly #leases: Leases;
  readonly #local: LocalLimits;
  readonly #circuit: Circuit;
  readonly #prices: ModelPrices;
  #nextLog = 0;
  #lost = 0;

  constructor(private readonly options: AdmissionOptions) {
    const { limiter, clock, random, timeoutMs, file, leaseTtlMs, leaseRequests } = options;
    this.#circuit = new Circuit(clock);
    this.#leases = new Leases({
      ...{ limiter, clock, random, timeoutMs, circuit: this.#circuit },
      ...{ ttlMs: leaseTtlMs, mostRequests: leaseRequests },
    });
    this.#local = new LocalLimits(clock);
    this.#prices = new ModelPrices(file);
  }

  /** At once when a lease suffices. Throws `rate_limit_exceeded` (a LimitReached), or what the signal says. */
  admit(asker: Asker, body: ChatBody): Grant | Promise<Grant> {
    const { plan } = asker.identity;
    const { model, choices, maxTokens } = body;
    return this.#decide(asker, {
      ...{ model, choices, outputTokens: (maxTokens ?? 0) * choices },
      promptTokens: plan.mode === 'strict' ? boundPromptTokens(body) : estimatePromptTokens(body),
      defaultOutputTokens: plan.defaultMaxTokens * choices,
    });
  }

  /** As `admit`, for texts that nothing is generated from. */
  admitInputs(asker: Asker, model: string, inputs: readonly string[]): Grant | Promise<Grant> {
    const strict = asker.identity.plan.mode === 'strict';
    const promptTokens = strict ? boundInputTokens(inputs) : estimateInputTokens(inputs);
    return this.#decide(asker, { model, choices: 0, promptTokens, outputTokens: 0, defaultOutputTokens: 0 });
  }

  /** The request was handed on and failed before anything of its answer came. Runs by itself. */
  failed(asker: Asker, grant: Grant, { code }: FlotillaError): void {
    if (mayHaveGenerated.has(code) || grant.reservedTokens === 0) return;
    const giveBack = () => this.#settleNothing(asker, grant.leaseId, grant.reservedTokens);
    if (code !== 'unavailable' || this.#lost >= mostLost) return giveBack();
    this.#lost += 1;
    this.options.clock.after(lostCallMs, () => {
      this.#lost -= 1;
      giveBack();
    });
  }

  /** The request was never handed on. */
  abandon(asker: Asker, grant: Grant): void {
    if (grant.leaseId !== '') this.#leases.giveBack(asker.identity.plan.subjects, grant.leaseId, grant.reservedTokens);
    else if (grant.reservedTokens > 0) this.#settleNothing(asker);
  }

  /** Returns what was taken in advance. */
  close(): Promise<void> {
    return this.#leases.close();
  }

  #decide(asker: Asker, wish: Wish): Grant | Promise<Grant> {
    const { orgId, plan } = asker.identity;
    if (plan.mode === 'lease') {
      const outputTokens = wish.outputTokens || wish.defaultOutputTokens;
      const tokens = wish.promptTokens + outputTokens;
      const leased = this.#leases.take(orgId, plan.subjects, tokens);
      if (leased) {
        decided.lease.add(1);
        return { ...leased, maxTokens: each(outputTokens, wish), reservedTokens: tokens, strictSubjects: [] };
      }
    }
    return this.#ask(asker, wish);
  }

  async #ask(asker: Asker, wish: Wish): Promise<Grant> {
    const { limiter, timeoutMs, holdMs } = this.options;
    const { caller, signal } = asker;
    const { plan } = asker.identity;
    const { promptTokens, outputTokens, defaultOutputTokens } = wish;
    const subjects = [...plan.subjects];
    if (!this.#circuit.enter()) return this.#locally(asker, wish, 'skipped');
    let answer: limits.ReserveResponse;
    try {
      const price = this.#prices.of(wish.model);
      const request = {
        caller,
        promptTokens,
        outputTokens,
        subjects,
        defaultOutputTokens,
        price,
        holdMs,
        tokensOnly: false,
      };
      answer = await limiter.reserve(request, { timeoutMs, signal });
    } catch (error) {
      const { code } = toFlotillaError(error);
      if (code !== 'cancelled') {
        this.#circuit.failed();
        return this.#locally(asker, wish, code);
      }
      this.#circuit.left();
      // The limiter may have decided already.
      this.#settleNothing(asker);
      throw error;
    }
    this.#circuit.succeeded();
    const { grantedOutputTokens } = answer;
    const tokens = leastTokens(wish);
    if (!answer.allowed) {
      decided.limiterRefused.add(1);
      throw new LimitReached(answer, tokens);
    }
    if (grantedOutputTokens < wish.choices) {
      this.#settleNothing(asker);
      decided.limiterRefused.add(1);
      throw new LimitReached({ ...answer, ...tightest(answer.limits) }, tokens);
    }
    decided.limiter.add(1);
    return {
      maxTokens: each(outputTokens > 0 ? Math.min(grantedOutputTokens, outputTokens) : grantedOutputTokens, wish),
      reservedTokens: promptTokens + grantedOutputTokens,
      ...{ leaseId: '', limits: answer.limits, strictSubjects: plan.mode === 'strict' ? plan.subjects : [] },
    };
  }

  #locally({ identity: { plan } }: Asker, wish: Wish, code: string): Grant {
    this.#tell(code);
    const taken = this.#local.take(plan.subjects, { ...wish, leastOutputTokens: wish.choices });
    if (typeof taken !== 'number') {
      decided.localRefused.add(1);
      throw new LimitReached(taken, leastTokens(wish));
    }
    decided.local.add(1);
    return { maxTokens: each(taken, wish), reservedTokens: 0, leaseId: '', limits: [], strictSubjects: [] };
  }

  #settleNothing({ caller }: Asker, leaseId = '', reservedTokens = 0): void {
    const usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };
    this.options.limiter
      .settle({ caller, usage, costMicros: 0, leaseId, reservedTokens }, { timeoutMs: settleTimeoutMs })
      .catch((error: unknown) => log.debug('a reservation was left to expire', { code: toFlotillaError(error).code }));
  }

  #tell(code: string): void {
    unavailable.add(1, { code });
    const now = this.options.clock.monotonic();
    if (now < this.#nextLog) return;
    this.#nextLog = now + logEveryMs;
    log.warn('the rate limiter did not answer: local limits decide', { code });
  }
}

/** What a request needs at least. */
function leastTokens({ promptTokens, outputTokens, choices }: Wish): number {
  return promptTokens + (outputTokens || choices);
}

/** Output tokens of one choice. */
function each(outputTokens: number, { choices }: Wish): number {
  return choices === 0 ? 0 : Math.floor(outputTokens / choices);
}

/** Which limit leaves fewer tokens than the choices need. */
function tightest(states: readonly limits.LimitState[]): {
  refusedBy: string;
  refusedScope: string;
  retryAfterMs: number;
} {
  let found: limits.LimitState | undefined;
  for (const state of states) {
    if (state.name.startsWith('tokens') && (!found || state.remaining < found.remaining)) found = state;
  }
  return {
    ...{ refusedBy: found?.name ?? 'tokens_per_minute', refusedScope: found?.scope ?? '' },
    retryAfterMs: found?.resetMs ?? 0,
  };
}
