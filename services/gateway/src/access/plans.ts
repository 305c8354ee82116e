import type { limits } from '@flotilla/contracts';
import { tierSchema, type LimitSet, type Live, type PlatformFile, type TierConfig } from '@flotilla/kernel';
import type { Plan } from './identity.ts';
import type { Member } from './key-store.ts';
import type { AccessSettings } from './settings.ts';

type Defaults = Pick<AccessSettings, 'defaultRequestsPerMinute' | 'defaultTokensPerMinute' | 'defaultMaxTokens'>;

/** A credential with limits of its own; absent: whoever shows a token is limited as the user it names. */
interface Holder {
  readonly id: string;
  readonly keyLimits: LimitSet;
}

/** Makes plans of tiers and of what organisations, users and keys have in place of them. */
export class Plans {
  #overrides: ReadonlyMap<string, TierConfig> = new Map();
  readonly #standard: TierConfig;
  readonly #stop: () => void;
  /** Changes when plans made before may be wrong. */
  version = 0;

  constructor(
    private readonly file: Live<PlatformFile>,
    defaults: Defaults,
  ) {
    this.#standard = tierSchema.parse({
      requests_per_minute: defaults.defaultRequestsPerMinute,
      tokens_per_minute: defaults.defaultTokensPerMinute,
      default_max_tokens: defaults.defaultMaxTokens,
    });
    this.#stop = file.onChange(() => (this.version += 1));
  }

  /** Tiers of the database, which stand in place of the file's. */
  override(tiers: ReadonlyMap<string, TierConfig>): void {
    this.#overrides = tiers;
    this.version += 1;
  }

  knows(tier: string): boolean {
    return this.#overrides.has(tier) || Object.hasOwn(this.file.current.tiers, tier);
  }

  plan(member: Member, key: Holder | undefined): Plan {
    const tier = this.#tier(member.tier);
    const { orgId, userId } = member;
    const subjects: limits.Subject[] = [];
    if (key) subjects.push(subject('key', key.id, { ...tier, ...key.keyLimits }));
    if (userId !== '') {
      // A token has no limits as a key has: those of the tier hold for its user, or it would have none.
      const ofKey = key ? {} : tier;
      subjects.push(subject('user', `${orgId}/${userId}`, { ...ofKey, ...tier.user, ...member.userLimits }));
    }
    subjects.push(subject('org', orgId, { ...tier.org, ...member.orgLimits }));
    return { subjects, mode: tier.mode, defaultMaxTokens: tier.default_max_tokens, priority: tier.priority };
  }

  close(): void {
    this.#stop();
  }

  #tier(name: string): TierConfig {
    const ofFile = Object.hasOwn(this.file.current.tiers, name) ? this.file.current.tiers[name] : undefined;
    return this.#overrides.get(name) ?? ofFile ?? this.#standard;
  }
}

const microsPerUsd = 1_000_000;

function subject(kind: 'key' | 'user' | 'org', id: string, limits: LimitSet): limits.Subject {
  return {
    ...{ kind, id },
    requestsPerMinute: limits.requests_per_minute ?? 0,
    requestsPerDay: limits.requests_per_day ?? 0,
    tokensPerMinute: limits.tokens_per_minute ?? 0,
    tokensPerWeek: limits.tokens_per_week ?? 0,
    tokensPerMonth: limits.tokens_per_month ?? 0,
    concurrentRequests: limits.concurrent_requests ?? 0,
    budgetMicrosPerMonth: Math.round((limits.budget_usd_per_month ?? 0) * microsPerUsd),
  };
}
