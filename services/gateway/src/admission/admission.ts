import type { limits } from '@flotilla/contracts';
import {
  ModelPrices,
  type Clock,
  type FlotillaError,
  type Live,
  type PlatformFile,
  type Random,
} from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, logger } from '@flotilla/telemetry';
import type { ChatBody } from '../chat/chat-body.ts';
import { Circuit } from './circuit.ts';
import { decided } from './decisions.ts';
import { each, leastTokens, unheld, type Asker, type Grant, type Wish } from './grant.ts';
import { Leases } from './leases.ts';
import { LimitReached } from './limit-reached.ts';
import { LocalLimits } from './local-limits.ts';
import { boundInputTokens, boundPromptTokens, estimateInputTokens, estimatePromptTokens } from './prompt-estimate.ts';
import { Reservations } from './reservations.ts';

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

/** Milliseconds the start waits for the limiter. */
const startTimeoutMs = 2_000;
/** Milliseconds between two log lines about a limiter that does not answer. */
const logEveryMs = 1_000;

const log = logger('gateway.admission');
const unavailable = counter({
  name: 'flotilla_gateway_limiter_unavailable_total',
  description:
    'Requests decided by local limits because the rate limiter did not answer, by the error (skipped: not asked)',
  unit: '{request}',
});

const isLimited = (subject: limits.Subject) =>
  subject.requestsPerMinute > 0 ||
  subject.tokensPerMinute > 0 ||
  subject.requestsPerDay > 0 ||
  subject.tokensPerWeek > 0 ||
  subject.tokensPerMonth > 0 ||
  subject.concurrentRequests > 0 ||
  subject.budgetMicrosPerMonth > 0;

/**
 * Decides whether a request may run and how much it may use: from a lease in hand, by asking the limiter, or, while the
 * limiter cannot be asked, by local limits that only bound a flood. Where nothing is limited nobody is asked.
 */
export class Admission {
  readonly #leases: Leases;
  readonly #local: LocalLimits;
  readonly #reservations: Reservations;
  #nextLog = 0;

  constructor(private readonly options: AdmissionOptions) {
    const { limiter, clock, random, timeoutMs, holdMs, file, leaseTtlMs, leaseRequests } = options;
    const circuit = new Circuit(clock);
    this.#reservations = new Reservations({
      ...{ limiter, circuit, clock, timeoutMs, holdMs, prices: new ModelPrices(file) },
    });
    this.#leases = new Leases({
      ...{ limiter, circuit, clock, random, timeoutMs, ttlMs: leaseTtlMs, mostRequests: leaseRequests },
    });
    this.#local = new LocalLimits(clock);
  }

  /**
   * Opens the way to the limiter and its store before a request needs it: the first call over it would be late, and be
   * decided without them. Resolves in any case.
   */
  async start(): Promise<void> {
    const nothing = { leaseId: 'none', orgId: 'none', requestsUsed: 0, tokensPromised: 0 };
    await this.options.limiter.returnLease(nothing, { timeoutMs: startTimeoutMs }).catch(() => undefined);
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
  failed(asker: Asker, grant: Grant, error: FlotillaError): void {
    this.#reservations.failed(asker, grant, error);
  }

  /** The request was never handed on. */
  abandon(asker: Asker, grant: Grant): void {
    if (grant.leaseId !== '') this.#leases.giveBack(asker.identity.plan.subjects, grant.leaseId, grant.reservedTokens);
    else if (grant.reservedTokens > 0) this.#reservations.giveBack(asker);
  }

  /** The request has ended and used no tokens; that it was made counts. */
  settle(asker: Asker, grant: Grant): void {
    if (grant.leaseId === '' && grant.limits.length > 0) this.#reservations.giveBack(asker);
  }

  /** Returns what was taken in advance. */
  close(): Promise<void> {
    return this.#leases.close();
  }

  #decide(asker: Asker, wish: Wish): Grant | Promise<Grant> {
    const { orgId, plan } = asker.identity;
    const outputTokens = wish.outputTokens || wish.defaultOutputTokens;
    if (!plan.subjects.some(isLimited)) {
      decided.unlimited.add(1);
      return unheld(each(outputTokens, wish));
    }
    if (plan.mode === 'lease') {
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
    const answer = await this.#reservations.reserve(asker, wish);
    return 'undecided' in answer ? this.#locally(asker, wish, answer.undecided) : answer;
  }

  #locally({ identity: { plan } }: Asker, wish: Wish, code: string): Grant {
    this.#tell(code);
    const taken = this.#local.take(plan.subjects, { ...wish, leastOutputTokens: wish.choices });
    if (typeof taken !== 'number') {
      decided.localRefused.add(1);
      throw new LimitReached(taken, leastTokens(wish));
    }
    decided.local.add(1);
    return unheld(each(taken, wish));
  }

  #tell(code: string): void {
    unavailable.add(1, { code });
    const now = this.options.clock.monotonic();
    if (now < this.#nextLog) return;
    this.#nextLog = now + logEveryMs;
    log.warn('the rate limiter did not answer: local limits decide', { code });
  }
}
