import { keysChanged, createMemoryBus, type Bus } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import { liveValue, parsePlatformFile, systemRandom } from '@flotilla/kernel';
import type { FakeClock } from '@flotilla/testkit';
import { createAccess } from '../access/access.ts';
import { scopes, type Scope } from '../access/identity.ts';
import { databaseKeyStore } from '../access/key-store.database.ts';
import { databaseNonceStore } from '../access/nonces.ts';
import { defaults, type GatewayConfig } from '../config.ts';
import { createDirectory } from './create-directory.ts';
import type { Actor } from './records.ts';

/** Who runs the platform. */
export const root: Actor = { keyId: 'key_root', userId: '', orgId: 'default', scopes: new Set(scopes) };

export function orgAdmin(orgId: string): Actor {
  return { keyId: 'key_admin', userId: 'ann', orgId, scopes: new Set<Scope>(['inference', 'org-admin']) };
}

interface ReplicaOptions {
  database: Database;
  clock: FakeClock;
  bus?: Bus;
  yaml?: string;
  env?: Record<string, string>;
  config?: Partial<GatewayConfig>;
}

/** What one gateway knows of who may ask; on one bus and database they are replicas. */
export async function startReplica({
  database,
  clock,
  bus = createMemoryBus(),
  yaml = '',
  env = {},
  config,
}: ReplicaOptions) {
  const file = liveValue(parsePlatformFile(yaml));
  const store = databaseKeyStore(database);
  const settings = { ...defaults, signingSecret: 'a secret of at least 32 characters', ...config };
  const access = createAccess(settings, { store, nonces: databaseNonceStore(database), file, env, clock });
  await bus.subscribe(keysChanged, (event) => access.forget(event));
  await access.start();
  const directory = createDirectory({ database, access, bus, file, clock, random: systemRandom });
  return { access, directory, file, bus, keys: access.keys };
}
