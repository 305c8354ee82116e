import { limits } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { RpcController, type Handlers } from '@flotilla/rpc';
import { Inject } from '@nestjs/common';
import { WINDOW_MS } from './bucket.ts';
import { DAY_MS } from './calendar.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Dimension, LimitState } from './limit-store.ts';
import { Limiter } from './limiter.ts';
import { leaseOf, reservationOf, settlementOf, whole } from './wire.ts';

/** What `GetUsage` needs of the ledger. */
export type UsageSource = Pick<Ledger, 'usage'>;
export const USAGE_SOURCE = 'UsageSource';

@RpcController(limits.LimitsDefinition)
export class LimitsRpc implements Handlers<typeof limits.LimitsDefinition> {
  private readonly limiter: Limiter;
  private readonly ledger: UsageSource;

  constructor(limiter: Limiter, @Inject(USAGE_SOURCE) ledger: UsageSource) {
    this.limiter = limiter;
    this.ledger = ledger;
  }

  async reserve(request: limits.ReserveRequest): Promise<limits.ReserveResponse> {
    const decision = await this.limiter.reserve(reservationOf(request));
    return {
      allowed: decision.allowed,
      grantedOutputTokens: decision.grantedOutputTokens,
      limits: decision.states.map(stateOf),
      refusedBy: decision.refusedBy?.dimension ?? '',
      refusedScope: decision.refusedBy?.subject.kind ?? '',
      retryAfterMs: decision.retryAfterMs,
    };
  }

  async settle(request: limits.SettleRequest): Promise<limits.SettleResponse> {
    const { caller, usage, costMicros, leaseId, reservedTokens } = request;
    const lease = leaseId ? { id: leaseId, reservedTokens } : undefined;
    return { settled: await this.limiter.settle(settlementOf(caller, usage, costMicros, lease)) };
  }

  async lease(request: limits.LeaseRequest): Promise<limits.LeaseResponse> {
    const grant = await this.limiter.lease(leaseOf(request));
    return { requests: grant.requests, tokens: grant.tokens, limits: grant.states.map(stateOf) };
  }

  async returnLease(request: limits.ReturnLeaseRequest): Promise<limits.ReturnLeaseResponse> {
    const { leaseId, orgId, requestsUsed, tokensPromised } = request;
    if (!leaseId || !orgId) throw new FlotillaError('invalid_request', 'The call names no lease or no organisation.');
    const back = { leaseId, orgId, requestsUsed, tokensPromised: whole('tokens_promised', tokensPromised) };
    return { returned: await this.limiter.returnLease(back) };
  }

  getUsage(request: limits.GetUsageRequest): Promise<limits.GetUsageResponse> {
    return this.ledger.usage(request);
  }
}

/** Milliseconds of the window that a limit is stated for; a month has those of its longest. */
const windowMs: Readonly<Record<Dimension, number>> = {
  requests_per_minute: WINDOW_MS,
  tokens_per_minute: WINDOW_MS,
  requests_per_day: DAY_MS,
  tokens_per_week: 7 * DAY_MS,
  tokens_per_month: 31 * DAY_MS,
  budget_micros_per_month: 31 * DAY_MS,
  concurrent_requests: 0,
};

function stateOf({ subject, dimension, remaining, resetMs }: LimitState): limits.LimitState {
  return {
    name: dimension,
    limit: subject.limits[dimension],
    remaining,
    resetMs,
    windowMs: windowMs[dimension],
    scope: subject.kind,
  };
}
