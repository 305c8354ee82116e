import type { common, limits } from '@flotilla/contracts';
import type { Clock, Live, PlatformFile } from '@flotilla/kernel';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, logger } from '@flotilla/telemetry';
import type { ChatBody } from '../chat/chat-body.ts';
import { estimatePromptTokens } from './prompt-estimate.ts';

/** What a chat may use. */
export interface Grant {
  /** Output tokens for each choice; the engine is never asked for more. */
  readonly maxTokens: number;
  /** What the limiter holds for this request; 0 when it was not asked or did not answer. */
  readonly reservedTokens: number;
  /** For the headers; empty when the limiter did not answer. */
  readonly limits: readonly limits.LimitState[];
}

export interface AdmissionOptions {
  limiter: Client<limits.LimitsDefinition>;
  file: Live<PlatformFile>;
  clock: Clock;
  /** Milliseconds the limiter may take. */
  timeoutMs: number;
}

/** Output tokens of a request without a maximum when neither the limiter nor the tier says. The file's own default. */
const fallbackOutputTokens = 4_096;
/** Milliseconds between two log lines about a limiter that does not answer. */
const logEveryMs = 1_000;
const settleTimeoutMs = 5_000;

const log = logger('gateway.admission');
const unlimited = counter({
  name: 'flotilla_gateway_limiter_unavailable_total',
  description: 'Requests let pass because the rate limiter did not answer',
  unit: '{request}',
});

/** Asks the limiter before a chat, and lets it pass when the limiter cannot be asked: a limiter that is down limits nobody. */
export class Admission {
  #nextLog = 0;

  constructor(private readonly options: AdmissionOptions) {}

  /** Throws `rate_limit_exceeded` (its `limits` are on the error, for headers) or what the signal says. */
  async admit(caller: common.Caller, body: ChatBody, signal: AbortSignal): Promise<Grant> {
    const { limiter, timeoutMs } = this.options;
    const promptTokens = estimatePromptTokens(body);
    const outputTokens = (body.maxTokens ?? 0) * body.choices;
    let answer: limits.ReserveResponse;
    try {
      answer = await limiter.reserve(
        {
          ...{ caller, promptTokens, outputTokens, subjects: [] },
          defaultOutputTokens: 0,
          price: undefined,
          holdMs: 0,
        },
        { timeoutMs, signal },
      );
    } catch (error) {
      const { code } = toFlotillaError(error);
      if (code === 'cancelled') throw error;
      return this.#withoutLimiter(caller.tier, body, code);
    }
    if (!answer.allowed) throw new LimitReached(answer, promptTokens + outputTokens);
    const granted = Math.floor(answer.grantedOutputTokens / body.choices);
    return {
      maxTokens: Math.max(1, body.maxTokens === undefined ? granted : Math.min(granted, body.maxTokens)),
      reservedTokens: promptTokens + answer.grantedOutputTokens,
      limits: answer.limits,
    };
  }

  /** As `admit`, for inputs that nothing is generated from. */
  admitInputs(caller: common.Caller, inputs: readonly string[], signal: AbortSignal): Promise<Grant> {
    return this.admit(caller, embeddingBody(inputs), signal);
  }

  /** Gives back what a chat reserved that never began. Runs by itself: the reservation expires if this is lost. */
  release(caller: common.Caller, grant: Grant): void {
    if (grant.reservedTokens === 0) return;
    this.options.limiter
      .settle(
        { caller, usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false }, costMicros: 0 },
        { timeoutMs: settleTimeoutMs },
      )
      .catch((error: unknown) => log.debug('a reservation was left to expire', { code: toFlotillaError(error).code }));
  }

  #withoutLimiter(tier: string, body: ChatBody, code: string): Grant {
    const { clock, file } = this.options;
    unlimited.add(1, { code });
    const now = clock.monotonic();
    if (now >= this.#nextLog) {
      this.#nextLog = now + logEveryMs;
      log.warn('the rate limiter did not answer: requests pass without it', { code });
    }
    const byTier = file.current.tiers[tier]?.default_max_tokens ?? fallbackOutputTokens;
    return { maxTokens: body.maxTokens ?? byTier, reservedTokens: 0, limits: [] };
  }
}

/** Inputs as a chat without an answer: what they are estimated by. */
function embeddingBody(inputs: readonly string[]): ChatBody {
  const none = { partsJson: '', name: '', toolCallId: '', toolCallsJson: '' };
  return {
    ...{ model: '', messages: inputs.map((content) => ({ role: 'user', content, ...none })), mediaParts: 0 },
    ...{ parametersJson: '', maxTokens: 0, choices: 1, stream: false, includeUsage: false, conversationId: '' },
    retrieval: undefined,
  };
}

/** A refusal of the limiter, with the state of every limit. */
export class LimitReached extends FlotillaError {
  readonly limits: readonly limits.LimitState[];

  constructor(answer: limits.ReserveResponse, tokens: number) {
    const retryAfterMs = answer.retryAfterMs > 0 ? answer.retryAfterMs : undefined;
    super('rate_limit_exceeded', explain(answer, tokens), { details: { retryAfterMs } });
    this.limits = answer.limits;
  }
}

function explain({ limits, refusedBy, retryAfterMs }: limits.ReserveResponse, tokens: number): string {
  const limit = limits.find(({ name }) => name === refusedBy);
  const name = refusedBy.replaceAll('_', ' ') || 'requests';
  const size = limit ? ` of ${limit.limit} (${limit.remaining} left)` : '';
  const needs = /token/.test(refusedBy) ? ` This request needs about ${tokens}.` : '';
  const frees =
    retryAfterMs > 0
      ? ` A request of this size can pass in ${(retryAfterMs / 1_000).toFixed(retryAfterMs < 10_000 ? 1 : 0)} s.`
      : ' A request of this size can never pass: ask for fewer tokens.';
  return `The limit ${name}${size} was reached.${needs}${frees}`;
}
