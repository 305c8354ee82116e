import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startChild } from '@flotilla/testkit';
import { databaseContract } from './database.contract.fixture.ts';
import { openDatabase, type Database } from './index.ts';

describe('PGlite', () => {
  databaseContract((options) => openDatabase('pglite://memory', options));

  describe('with prepared statements', () => {
    let database: Database;
    beforeAll(async () => {
      database = await openDatabase('pglite://memory');
    });
    afterAll(() => database.close());

    it('sees a table that was changed or made anew since', async () => {
      const read = () => database.query('select * from item where id = $1', ['1']);
      const write = () => database.query('insert into item values ($1)', ['1']);
      await database.query('drop table if exists item; create table item (id text)');
      await write();
      expect(await read()).toEqual([{ id: '1' }]);
      await database.query(`alter table item add note text default 'new'`);
      expect(await read()).toEqual([{ id: '1', note: 'new' }]);
      await database.query('drop table item; create table item (id int)');
      await write();
      expect(await read()).toEqual([{ id: 1 }]);
    });

    it('fails the transaction that meets such a table, and works in the next', async () => {
      await database.query('drop table if exists item; create table item (id int)');
      const read = () => database.transaction((tx) => tx.query('select * from item where id > $1', [0]));
      await read();
      await database.query('alter table item add note text');
      await expect(read()).rejects.toThrow(/cached plan/);
      expect(await read()).toEqual([]);
    });

    it('keeps a bounded number of them, and all still work', async () => {
      const ask = (n: number) => database.query(`select $1::int + ${n} as sum`, [1]);
      for (let n = 0; n < 300; n += 1) expect(await ask(n)).toEqual([{ sum: n + 1 }]);
      expect(await ask(0)).toEqual([{ sum: 1 }]);
      const [kept] = await database.query<{ count: number }>('select count(*) as count from pg_prepared_statements');
      expect(kept!.count).toBeLessThanOrEqual(256);
    });

    it('says what is wrong with one and goes on', async () => {
      await expect(database.query('select nonsense from nowhere', [])).rejects.toThrow(/nowhere/);
      await expect(database.query('select 1 / $1::int', [0])).rejects.toThrow(/division by zero/);
      await expect(database.query('select $1::int', [])).rejects.toThrow(/requires 1/);
      expect(await database.query('select $1::int as one', [1])).toEqual([{ one: 1 }]);
    });

    it('refuses a transaction that has ended', async () => {
      const tx = await database.transaction(async (open) => open);
      await expect(tx.query('select $1::int', [1])).rejects.toThrow(/has ended/);
    });
  });

  describe('in a folder', () => {
    let dir: string;

    beforeEach(() => {
      dir = mkdtempSync(path.join(tmpdir(), 'flotilla-pglite-'));
    });
    afterEach(() => rmSync(dir, { recursive: true }));

    it('keeps its data', async () => {
      const first = await openDatabase(`pglite://${dir}/data`);
      await first.query('create table kept (id int); insert into kept values (1)');
      await first.close();
      const second = await openDatabase(`pglite://${dir}/data`);
      expect(await second.query('select id from kept')).toEqual([{ id: 1 }]);
      await second.close();
    });

    it('belongs to one opener at a time, and the second is told what to do', async () => {
      const first = await openDatabase(`pglite://${dir}`);
      await expect(openDatabase(`pglite://${dir}`)).rejects.toThrow(/in use by another process: stop that one/);
      await first.close();
      await (await openDatabase(`pglite://${dir}`)).close();
    });

    it('keeps what was committed and is free again when its process is killed', async () => {
      const source = `
        const { openDatabase } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
        const database = await openDatabase(${JSON.stringify(`pglite://${dir}`)});
        await database.query('create table kept (id int)');
        for (let id = 0; id < 50; id += 1) await database.query('insert into kept values ($1)', [id]);
        console.log('written');`;
      const holder = await startChild({
        command: process.execPath,
        args: ['--conditions=flotilla-source', '--input-type=module', '-e', source],
        ready: { line: /^written$/ },
      });
      await expect(openDatabase(`pglite://${dir}`)).rejects.toThrow(/in use by another process/);
      await holder.kill();
      const database = await openDatabase(`pglite://${dir}`);
      expect(await database.query('select count(*) as count from kept')).toEqual([{ count: 50 }]);
      await database.close();
    });

    it('is made anew when its first start was cut off', async () => {
      mkdirSync(path.join(dir, 'cluster'));
      writeFileSync(path.join(dir, 'cluster/PG_VERSION'), '18\n');
      writeFileSync(path.join(dir, 'creating'), '');
      const database = await openDatabase(`pglite://${dir}`);
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
      await database.close();
    });
  });

  it.each(['pglite://', 'pglite://relative/folder', 'pglite:///', 'mysql://localhost/x'])(
    'is not opened by %s',
    async (url) => {
      await expect(openDatabase(url)).rejects.toMatchObject({ code: 'invalid_request' });
    },
  );
});
