import { FlotillaError } from '@flotilla/kernel';
import { counter, histogram, rpcSeconds } from '@flotilla/telemetry';
import type { Clock } from '@flotilla/kernel';
import type { Decision, KeyLimits, LimitStore } from './limit-store.ts';
import type { Tiers } from './tiers.ts';

/** Whose limits a request counts against. */
export interface Subject {
  readonly requestId: string;
  readonly orgId: string;
  /** Empty: the organisation as a whole. */
  readonly keyId: string;
  readonly tier: string;
}

export interface Answer {
  readonly decision: Decision;
  readonly limits: KeyLimits;
}

const decisions = counter({
  name: 'flotilla_rate_limiter_decisions_total',
  description: 'Reservations by outcome: allowed, or the limit that refused',
  unit: '{decision}',
});
const outcomes = {
  allowed: decisions.bind({ outcome: 'allowed' }),
  requests_per_minute: decisions.bind({ outcome: 'requests_per_minute' }),
  tokens_per_minute: decisions.bind({ outcome: 'tokens_per_minute' }),
  failed: decisions.bind({ outcome: 'failed' }),
};
const settlements = counter({
  name: 'flotilla_rate_limiter_settlements_total',
  description: 'Settlements by outcome: settled, or repeated (settled before, nothing changed)',
  unit: '{settlement}',
});
const settled = settlements.bind({ outcome: 'settled' });
const repeated = settlements.bind({ outcome: 'repeated' });
const duration = histogram({
  name: 'flotilla_rate_limiter_decision_duration_seconds',
  description: 'What a reservation takes, the store included',
  unit: 's',
  buckets: rpcSeconds,
}).bind({});

/** Decides who may ask how much, by the tiers of now and the buckets of the store. */
export class Limiter {
  private readonly store: LimitStore;
  private readonly tiers: Tiers;
  private readonly clock: Clock;

  constructor(store: LimitStore, tiers: Tiers, clock: Clock) {
    this.store = store;
    this.tiers = tiers;
    this.clock = clock;
  }

  /** `outputTokens` 0: as much as the limits allow, up to the tier's default. */
  async reserve(subject: Subject, promptTokens: number, outputTokens: number): Promise<Answer> {
    const limits = this.tiers.of(subject.tier);
    const keyId = bucketOf(subject);
    const started = this.clock.monotonic();
    try {
      const decision = await this.store.reserve({
        keyId,
        requestId: subject.requestId,
        limits,
        promptTokens,
        outputTokens,
      });
      outcomes[decision.refusedBy ?? 'allowed'].add(1);
      return { decision, limits };
    } catch (error) {
      outcomes.failed.add(1);
      throw error;
    } finally {
      duration.record((this.clock.monotonic() - started) / 1_000);
    }
  }

  /** `at`: when the tokens were used, ms since 1970; absent: now. False: settled before. */
  async settle(subject: Subject, tokens: number, at?: number): Promise<boolean> {
    const first = await this.store.settle({
      keyId: bucketOf(subject),
      requestId: subject.requestId,
      limits: this.tiers.of(subject.tier),
      tokens,
      ageMs: at === undefined ? 0 : Math.max(0, this.clock.now() - at),
    });
    (first ? settled : repeated).add(1);
    return first;
  }
}

function bucketOf({ requestId, keyId, orgId }: Subject): string {
  if (!requestId) throw new FlotillaError('invalid_request', 'The caller has no request id.');
  if (keyId) return keyId;
  if (orgId) return `org:${orgId}`;
  throw new FlotillaError('invalid_request', 'The caller has neither a key nor an organisation.');
}
