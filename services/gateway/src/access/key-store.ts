/** What is known of a key. Times are milliseconds since 1970. */
export interface KeyRecord {
  readonly id: string;
  readonly orgId: string;
  /** Empty when the key belongs to the organisation itself. */
  readonly userId: string;
  readonly tier: string;
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
}

/** Where keys live. */
export interface KeyStore {
  /** The key with this hash, revoked or expired ones included. Throws when the store cannot say. */
  find(hash: string): Promise<KeyRecord | undefined>;
  /** Puts a key in place with this id, replacing what stood there; makes its organisation when there is none. */
  put(key: NewKey): Promise<void>;
}

export interface NewKey {
  readonly id: string;
  readonly orgId: string;
  readonly hash: string;
  readonly prefix: string;
  readonly name: string;
  readonly tier: string;
}
