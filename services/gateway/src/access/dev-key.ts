import type { ApiKeys } from './api-keys.ts';
import { scopes } from './identity.ts';
import type { KeyStore } from './key-store.ts';

/** Enough of a key to find it by, too little to guess it from. */
const shownCharacters = 7;

/** Puts the development key in place: organisation `default`, tier `dev`, every scope. Another one from an earlier start is replaced. */
export async function putDevKey(store: KeyStore, keys: ApiKeys, key: string): Promise<void> {
  await store.put({
    ...{ id: 'key_dev', orgId: 'default', name: 'development', tier: 'dev', scopes },
    hash: keys.hash(key),
    prefix: key.slice(0, shownCharacters),
  });
}
