import type { LimitSet, TierConfig } from '@flotilla/kernel';
import type { Identity, Scope } from '../access/identity.ts';

/** Who changes something. Times in all records are milliseconds since 1970; null: never, or none. */
export type Actor = Pick<Identity, 'keyId' | 'userId' | 'orgId' | 'scopes'>;

export interface Org {
  readonly id: string;
  readonly name: string;
  readonly tier: string;
  readonly limits: LimitSet;
  readonly createdAt: number;
  readonly disabledAt: number | null;
}

export interface User {
  readonly id: string;
  readonly orgId: string;
  readonly name: string;
  readonly limits: LimitSet;
  readonly createdAt: number;
  readonly disabledAt: number | null;
}

/** A key as people see it: never the key itself, nor its hash. */
export interface Key {
  readonly id: string;
  readonly orgId: string;
  readonly userId: string | null;
  readonly name: string;
  /** The first characters of the key, to find it by. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly models: readonly string[] | null;
  readonly limits: LimitSet;
  readonly tier: string | null;
  readonly requireSignature: boolean;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** The key that took its place. */
  readonly replacedBy: string | null;
  readonly rotatedAt: number | null;
  /** To the minute or so. */
  readonly lastUsedAt: number | null;
}

/** A key that was just made. Neither secret can be shown again. */
export interface CreatedKey {
  readonly key: Key;
  readonly secret: string;
  /** Signs requests; undefined when this platform has no secret to derive it from. */
  readonly signingSecret: string | undefined;
}

export interface Tier {
  readonly name: string;
  readonly definition: TierConfig;
  /** `database` overrides `file`. */
  readonly source: 'file' | 'database';
}

export interface AuditEntry {
  readonly id: string;
  readonly at: number;
  readonly actor: { readonly keyId: string; readonly userId: string; readonly orgId: string };
  /** What was done, e.g. `key.revoke`. */
  readonly action: string;
  readonly target: {
    readonly kind: 'org' | 'user' | 'key' | 'tier' | 'rule' | 'model' | 'provider' | 'setting' | 'cache';
    readonly id: string;
  };
  /** Whose it is; empty: the platform's. */
  readonly orgId: string;
  /** The fields that were given; no secret among them. */
  readonly change: Readonly<Record<string, unknown>>;
}

export interface Page<T> {
  readonly items: T[];
  /** What to ask for next, as `after`; undefined: this was the last page. */
  readonly next: string | undefined;
}
