import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { describeWith, freePort, startPostgres, until, type TestServer } from '@flotilla/testkit';
import { databaseContract } from './database.contract.fixture.ts';
import { migrate, openDatabase, type Database } from './index.ts';

describeWith(['postgres'], 'a PostgreSQL server', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  databaseContract((options) => openDatabase(server.url, options));

  describe('over a connection', () => {
    let database: Database;

    beforeEach(async () => {
      database = await openDatabase(server.url, {
        maxConnections: 3,
        statementTimeoutMs: 500,
        connectTimeoutMs: 1_000,
      });
    });
    afterEach(() => database.close());

    it('ends a statement that takes too long', async () => {
      await expect(database.query('select pg_sleep(10)', [])).rejects.toMatchObject({ code: 'deadline_exceeded' });
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('lets a transaction take longer when it is told to', async () => {
      const slow = database.transaction((tx) => tx.query('select pg_sleep(0.8)', []), { statementTimeoutMs: 5_000 });
      await expect(slow).resolves.toHaveLength(1);
      await expect(database.query('select pg_sleep(10)', [])).rejects.toMatchObject({ code: 'deadline_exceeded' });
    });

    it('holds no more connections than it may and refuses who waits too long for one', async () => {
      const holders = [1, 2, 3].map(() =>
        database.transaction((tx) => tx.query('select pg_sleep(2)', []), { statementTimeoutMs: 5_000 }),
      );
      await expect(database.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
      await Promise.all(holders);
    });

    it('calls a deadlock a conflict, which may be tried again', async () => {
      await database.query(
        'create table if not exists lockable (id int); truncate lockable; insert into lockable values (1), (2)',
      );
      let waiting = 0;
      const lockBoth = (first: number, second: number) =>
        database.transaction(
          async (tx) => {
            await tx.query('select * from lockable where id = $1 for update', [first]);
            waiting += 1;
            await until(() => waiting === 2);
            await tx.query('select * from lockable where id = $1 for update', [second]);
          },
          { statementTimeoutMs: 10_000 },
        );
      const outcomes = await Promise.allSettled([lockBoth(1, 2), lockBoth(2, 1)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const failed = outcomes.find((outcome) => outcome.status === 'rejected') as PromiseRejectedResult;
      expect(failed.reason).toMatchObject({ code: 'conflict' });
    });

    it('says that it is away while it is, keeps the cause, and serves again when it is back', async () => {
      await database.query('select 1');
      await server.kill();
      const error = await database.query('select 1').catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'unavailable', message: 'the database does not answer' });
      expect((error as Error).cause).toBeDefined();
      await expect(database.transaction(async () => 1)).rejects.toMatchObject({ code: 'unavailable' });
      expect(await database.ready()).toBe(false);
      await server.restart();
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
      expect(await database.ready()).toBe(true);
    });

    it('fails a transaction under way when it goes, and leaves nothing of it', async () => {
      await database.query('create table if not exists half (id int)');
      const outcome = database.transaction(async (tx) => {
        await tx.query('insert into half values (1)');
        await server.restart();
        await tx.query('insert into half values (2)');
      });
      await expect(outcome).rejects.toMatchObject({ code: 'unavailable' });
      expect(await database.query('select * from half')).toEqual([]);
    });
  });

  it('that comes up late is waited for, and one that never comes is reported', async () => {
    await server.kill();
    const opening = openDatabase(server.url);
    await server.restart();
    await (await opening).close();
    const nowhere = `postgres://127.0.0.1:${await freePort()}/none`;
    await expect(openDatabase(nowhere, { waitForServerMs: 200 })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('migrates once when several processes start at the same time', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-migrations-'));
    for (const name of ['1_item', '2_other', '3_third']) {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, 'migration.sql'), `create table t${name} (id int, place vector(3))`);
    }
    const databases = await Promise.all([1, 2, 3].map(() => openDatabase(server.url)));
    const schemas = ['alpha', 'beta'];
    try {
      const applied = await Promise.all(
        databases.flatMap((database) => schemas.map((schema) => migrate(database, { schema, folder }))),
      );
      expect(applied.flat().sort()).toEqual(['1_item', '1_item', '2_other', '2_other', '3_third', '3_third']);
    } finally {
      await Promise.all(databases.map((database) => database.close()));
      rmSync(folder, { recursive: true });
    }
  });
});
