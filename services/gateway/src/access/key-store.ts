import type { LimitSet, TierConfig } from '@flotilla/kernel';
import type { Scope } from './identity.ts';

/** What is known of whom a credential speaks for. */
export interface Member {
  readonly orgId: string;
  /** Empty: the organisation itself. */
  readonly userId: string;
  readonly tier: string;
  readonly orgLimits: LimitSet;
  readonly userLimits: LimitSet;
  readonly disabled: 'organisation' | 'user' | undefined;
}

/** What is known of a key. Times are milliseconds since 1970. */
export interface KeyRecord extends Member {
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly models: readonly string[] | undefined;
  readonly keyLimits: LimitSet;
  readonly requireSignature: boolean;
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
}

/** Where keys live. Every question throws when the store cannot say. */
export interface KeyStore {
  /** The key with this hash, revoked or expired ones included. */
  find(hash: string): Promise<KeyRecord | undefined>;
  findById(id: string): Promise<KeyRecord | undefined>;
  /** An organisation and one of its users, who need not be known; undefined when there is no such organisation. */
  findMember(orgId: string, userId: string): Promise<Member | undefined>;
  /** Tiers that stand in place of the platform file's. */
  tiers(): Promise<ReadonlyMap<string, TierConfig>>;
  /** Puts a key in place with this id, replacing what stood there; makes its organisation when there is none. */
  put(key: NewKey): Promise<void>;
  /** Notes that these keys were used just now. */
  noteUse(keyIds: readonly string[]): Promise<void>;
}

export interface NewKey {
  readonly id: string;
  readonly orgId: string;
  readonly hash: string;
  readonly prefix: string;
  readonly name: string;
  readonly tier: string;
  readonly scopes: readonly Scope[];
}
