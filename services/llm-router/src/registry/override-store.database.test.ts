import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { createFakeClock, describeWith, startPostgres, type TestServer } from '@flotilla/testkit';
import { overrideStoreContract } from './override-store.contract.fixture.ts';
import { DatabaseOverrideStore } from './override-store.database.ts';

describe('PGlite', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase('pglite://memory');
  });
  afterAll(() => database.close());
  overrideStoreContract('PGlite', () => database);
});

describeWith(['postgres'], 'PostgreSQL', () => {
  let server: TestServer;
  let database: Database;
  beforeAll(async () => {
    server = await startPostgres();
    database = await openDatabase(server.url);
  });
  afterAll(async () => {
    await database?.close();
    await server?.stop();
  });
  overrideStoreContract('PostgreSQL', () => database);
});

describe('a database that hangs', () => {
  it('is unavailable after its time', async () => {
    const clock = createFakeClock();
    const never = () => new Promise<never>(() => undefined);
    const store = new DatabaseOverrideStore({ database: { query: never, transaction: never }, clock, timeoutMs: 100 });
    const list = store.list();
    list.catch(() => undefined);
    await clock.advanceAsync(100);
    await expect(list).rejects.toMatchObject({ code: 'unavailable' });
  });
});
