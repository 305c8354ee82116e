import type { common, limits } from '@flotilla/contracts';

/**
 * What a credential may do. `inference`: every surface that runs a model; `files`: files, vector stores and conversations;
 * `usage`: what was used; `org-admin`: the admin API for its own organisation; `admin`: the admin API for all.
 */
export const scopes = ['inference', 'files', 'usage', 'org-admin', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What key, user and organisation may use, as the limiter is told; see the tiers of the platform's file. */
export interface Plan {
  readonly subjects: readonly limits.Subject[];
  /** `strict`: every request is decided by the limiter. `lease`: by this gateway, from what it took in advance. */
  readonly mode: 'strict' | 'lease';
  /** Output tokens reserved for a request that names no maximum. */
  readonly defaultMaxTokens: number;
  readonly priority: 'interactive' | 'batch';
}

/** For whom a credential speaks: a Caller without its request. */
export interface Identity {
  readonly orgId: string;
  /** Empty: the organisation itself. */
  readonly userId: string;
  readonly keyId: string;
  readonly tier: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Models it may ask for, by name or by a prefix that ends with `*`; undefined: all. */
  readonly models: readonly string[] | undefined;
  readonly plan: Plan;
}

/** Who asks, as the other services are told. An empty list of models means all there: who may use none is refused before. */
export function callerOf({ orgId, userId, keyId, tier, models }: Identity, requestId: string): common.Caller {
  return { requestId, orgId, userId, keyId, tier, models: models === undefined ? [] : [...models] };
}
