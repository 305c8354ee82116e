import { scopes, type Scope } from './identity.ts';
import type { KeyRecord, KeyStore, Member } from './key-store.ts';

export const acme: Member = {
  ...{ orgId: 'acme', userId: '', tier: 'dev', orgLimits: {}, userLimits: {}, disabled: undefined },
};

export function keyRecord(fields: Partial<KeyRecord>): KeyRecord {
  const none = {
    models: undefined,
    keyLimits: {},
    requireSignature: false,
    expiresAt: undefined,
    revokedAt: undefined,
  };
  return { ...acme, ...none, id: 'key_1', scopes: new Set<Scope>(scopes), ...fields };
}

/** Keys in a map, for what needs no database. Every user of an organisation that has a key is known. */
export function memoryKeyStore(): KeyStore & { readonly records: Map<string, KeyRecord>; readonly used: string[] } {
  const records = new Map<string, KeyRecord>();
  const used: string[] = [];
  const first = (matches: (record: KeyRecord) => boolean) => [...records.values()].find(matches);
  return {
    ...{ records, used },
    find: async (hash) => records.get(hash),
    findById: async (id) => first((record) => record.id === id),
    async findMember(orgId, userId) {
      const known = first((record) => record.orgId === orgId);
      return known && { ...acme, orgId, userId, tier: known.tier, disabled: known.disabled };
    },
    tiers: async () => new Map(),
    async put({ id, orgId, hash, tier, scopes }) {
      records.set(hash, keyRecord({ id, orgId, tier, scopes: new Set(scopes) }));
    },
    async noteUse(keyIds) {
      used.push(...keyIds);
    },
  };
}
