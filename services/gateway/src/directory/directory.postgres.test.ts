import { migrate, openDatabase, type Database } from '@flotilla/database';
import { createFakeClock, describeWith, startPostgres, type TestServer } from '@flotilla/testkit';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import path from 'node:path';
import { databaseKeyStore } from '../access/key-store.database.ts';
import { databaseNonceStore } from '../access/nonces.ts';
import { root, startReplica } from './directory.fixture.ts';

/** What could differ from the embedded database: arrays and JSON as parameters, locks, triggers. */
describeWith(['postgres'], 'the directory on a PostgreSQL server', () => {
  let server: TestServer;
  let database: Database;
  beforeAll(async () => {
    server = await startPostgres();
    database = await openDatabase(server.url);
    await migrate(database, { schema: 'gateway', folder: path.join(import.meta.dirname, '../../prisma/migrations') });
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  it('keeps keys as they were made, and only one of two rotations', async () => {
    const { directory, keys } = await startReplica({ database, clock: createFakeClock() });
    await directory.createOrg(root, { id: 'acme', name: 'Acme' });
    const fields = {
      name: 'x',
      scopes: ['usage' as const, 'files' as const],
      models: ['a', 'b*'],
      limits: { tokens_per_week: 9 },
    };
    const { key, secret } = await directory.createKey(root, 'acme', fields);
    expect(await keys.verify(secret)).toMatchObject({ scopes: new Set(fields.scopes), models: fields.models });
    const rotations = await Promise.allSettled([1, 2].map(() => directory.rotateKey(root, 'acme', key.id)));
    expect(rotations.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await databaseKeyStore(database).noteUse([key.id, 'key_unknown']);
    expect((await directory.getKey(root, 'acme', key.id)).lastUsedAt).toBeGreaterThan(0);
  });

  it('has an audit log that only grows', async () => {
    const sql = ['UPDATE gateway.audit_log SET id = id', 'DELETE FROM gateway.audit_log', 'TRUNCATE gateway.audit_log'];
    for (const statement of sql) await expect(database.query(statement)).rejects.toThrow('only grows');
  });

  it('knows a nonce of another replica until it is swept', async () => {
    const store = databaseNonceStore(database);
    expect(await store.add('key_1', 'n', 1_000)).toBe(true);
    expect(await store.add('key_1', 'n', 1_000)).toBe(false);
    expect(await store.add('key_2', 'n', 1_000)).toBe(true);
    await store.sweep(1_001);
    expect(await store.add('key_1', 'n', 1_000)).toBe(true);
  });
});
