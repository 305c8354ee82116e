import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate, openDatabase, type Database } from './index.ts';

describe('migrations', () => {
  let database: Database;
  let folder: string;
  let count = 0;
  let schema: string;

  beforeAll(async () => {
    database = await openDatabase('pglite://memory');
  });
  afterAll(() => database.close());
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'flotilla-migrations-'));
    schema = `sample_${(count += 1)}`;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, sql: string) => {
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(path.join(folder, name, 'migration.sql'), sql);
  };
  const run = () => migrate(database, { schema, folder });

  it('are applied once, in order, into the schema of the service', async () => {
    write('20260102000000_note', 'alter table item add note text; create index item_note on item (note);');
    write('20260101000000_item', 'create table item (id text primary key, place vector(3))');
    expect(await run()).toEqual(['20260101000000_item', '20260102000000_note']);
    expect(await run()).toEqual([]);
    await database.query(`insert into ${schema}.item values ($1, $2, $3)`, ['a', '[1,2,3]', 'n']);
    expect(await database.query(`select * from ${schema}.item`)).toEqual([{ id: 'a', place: '[1,2,3]', note: 'n' }]);
  });

  it('that came later are applied on top', async () => {
    write('1_item', 'create table item (id int)');
    await run();
    write('2_other', 'create table other (id int)');
    expect(await run()).toEqual(['2_other']);
  });

  it('are refused when an applied file was changed, with what to do', async () => {
    write('1_item', 'create table item (id int)');
    await run();
    write('1_item', 'create table item (id bigint)');
    await expect(run()).rejects.toThrow(/1_item .* was changed .* new migration/);
  });

  it('that fail leave nothing behind, name themselves and can be run again when mended', async () => {
    write('1_item', 'create table item (id int)');
    write('2_bad', 'create table other (id int); alter table nowhere add x int');
    await expect(run()).rejects.toThrow(/2_bad of schema sample_\d+ failed: .*nowhere/);
    expect(await database.query(`select to_regclass('${schema}.other') as other`)).toEqual([{ other: null }]);
    write('2_bad', 'create table other (id int)');
    expect(await run()).toEqual(['2_bad']);
  });

  it('run by several at once are applied once', async () => {
    write('1_item', 'create table item (id int)');
    write('2_other', 'create table other (id int)');
    const applied = await Promise.all([run(), run(), run()]);
    expect(applied.flat().sort()).toEqual(['1_item', '2_other']);
  });

  it('that only the database knows do not stop an older release', async () => {
    write('1_item', 'create table item (id int)');
    write('2_other', 'create table other (id int)');
    await run();
    rmSync(path.join(folder, '2_other'), { recursive: true });
    expect(await run()).toEqual([]);
  });

  it('that another tool left unfinished are refused', async () => {
    write('1_item', 'create table item (id int)');
    await run();
    await database.query(`update ${schema}._prisma_migrations set finished_at = null`);
    await expect(run()).rejects.toThrow(/did not finish/);
  });

  it('do not change the search path of what follows', async () => {
    write('1_item', 'create table item (id int)');
    await run();
    await expect(database.query('select * from item')).rejects.toThrow(/does not exist/);
  });

  it('refuse a schema name that would need quoting, and a folder without files', async () => {
    await expect(migrate(database, { schema: 'Bad"Name', folder })).rejects.toThrow(/cannot name a schema/);
    mkdirSync(path.join(folder, '1_empty'));
    await expect(run()).rejects.toThrow(/1_empty has no readable migration.sql/);
  });
});
