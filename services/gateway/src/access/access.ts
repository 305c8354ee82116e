import type { events } from '@flotilla/contracts';
import type { Clock, Environment, Live, PlatformFile } from '@flotilla/kernel';
import { ApiKeys } from './api-keys.ts';
import { Authenticator } from './authenticator.ts';
import { putDevKey } from './dev-key.ts';
import { Tokens } from './jwt.ts';
import type { KeyStore } from './key-store.ts';
import { KeyUse } from './key-use.ts';
import { LiveTiers } from './live-tiers.ts';
import { Members } from './members.ts';
import { Nonces, type NonceStore } from './nonces.ts';
import { Plans } from './plans.ts';
import { SignedRequests } from './request-signing.ts';
import type { AccessSettings } from './settings.ts';
import { SigningSecrets } from './signing-secrets.ts';

export interface AccessPorts {
  readonly store: KeyStore;
  /** Absent: replays are seen by this replica only. */
  readonly nonces?: NonceStore | undefined;
  readonly file: Live<PlatformFile>;
  readonly env: Environment;
  readonly clock: Clock;
}

export interface Access {
  readonly keys: ApiKeys;
  readonly authenticator: Authenticator;
  readonly signingSecrets: SigningSecrets | undefined;
  /** Reads the tiers, puts the development key in place. */
  start(): Promise<void>;
  /** What changed is asked anew from now on. */
  forget(event: events.KeysChanged): void;
  close(): Promise<void>;
}

/** All that says who asks and what they may use. */
export function createAccess(
  settings: AccessSettings,
  { store, nonces: nonceStore, file, env, clock }: AccessPorts,
): Access {
  const { devKey, keyPepper: pepper, keyCacheSize: cacheSize, signingSecret } = settings;
  const plans = new Plans(file, settings);
  const tiers = new LiveTiers(store, plans, clock);
  const keys = new ApiKeys({ store, clock, plans, pepper, cacheSize });
  const members = new Members(store, clock, cacheSize);
  const tokens = new Tokens({ file, env, clock, members, plans, cacheSize });
  const nonces = new Nonces(nonceStore, clock);
  const signingSecrets = signingSecret === undefined ? undefined : new SigningSecrets(signingSecret);
  const signed = new SignedRequests(keys, nonces, signingSecrets, clock);
  const use = new KeyUse(store, clock);
  return {
    ...{ keys, signingSecrets },
    authenticator: new Authenticator({ keys, tokens, signed, use }),
    async start() {
      if (devKey !== undefined) await putDevKey(store, keys, devKey);
      await tiers.start();
      nonces.start();
      use.start();
    },
    forget({ keyId, orgId }) {
      keys.forget(keyId, orgId);
      if (keyId === '') members.forget(orgId);
      if (keyId === '' && orgId === '') void tiers.refresh();
    },
    async close() {
      for (const part of [tiers, nonces, use, tokens, plans]) part.close();
      await use.flush();
    },
  };
}
