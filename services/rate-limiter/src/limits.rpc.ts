import { limits, type common } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { RpcController, type Handlers } from '@flotilla/rpc';
import { WINDOW_MS } from './bucket.ts';
import type { Dimension, DimensionState } from './limit-store.ts';
import { Limiter } from './limiter.ts';

@RpcController(limits.LimitsDefinition)
export class LimitsRpc implements Handlers<typeof limits.LimitsDefinition> {
  private readonly limiter: Limiter;

  constructor(limiter: Limiter) {
    this.limiter = limiter;
  }

  async reserve({ caller, promptTokens, outputTokens }: limits.ReserveRequest): Promise<limits.ReserveResponse> {
    const answer = await this.limiter.reserve(required(caller), promptTokens, outputTokens);
    const { decision } = answer;
    return {
      allowed: decision.allowed,
      grantedOutputTokens: decision.grantedOutputTokens,
      limits: [
        stateOf('requests_per_minute', answer.limits.requestsPerMinute, decision.requests),
        stateOf('tokens_per_minute', answer.limits.tokensPerMinute, decision.tokens),
      ],
      refusedBy: decision.refusedBy ?? '',
      retryAfterMs: uint32(decision.retryAfterMs),
    };
  }

  async settle({ caller, usage }: limits.SettleRequest): Promise<limits.SettleResponse> {
    return { settled: await this.limiter.settle(required(caller), tokensOf(usage)) };
  }
}

export function required(caller: common.Caller | undefined): common.Caller {
  if (!caller) throw new FlotillaError('invalid_request', 'The call names no caller.');
  return caller;
}

/** Cached prompt tokens count: they are part of the prompt. */
export function tokensOf(usage: common.Usage | undefined): number {
  return usage ? usage.promptTokens + usage.completionTokens : 0;
}

function stateOf(name: Dimension, limit: number, { remaining, resetMs }: DimensionState): limits.LimitState {
  return { name, limit, remaining, resetMs: uint32(resetMs), windowMs: WINDOW_MS };
}

/** After a large overuse a bucket may take longer to leak than uint32 milliseconds (49 days) can say. */
function uint32(value: number): number {
  return Math.min(value, 2 ** 32 - 1);
}
