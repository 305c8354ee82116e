import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from './database.ts';
import { sqlState, type DatabaseOptions } from './index.ts';

/** What every kind of database does alike. `open` gives a new connection to the same empty database. */
export function databaseContract(open: (options?: DatabaseOptions) => Promise<Database>): void {
  describe('as every database', () => {
    let database: Database;

    beforeAll(async () => {
      database = await open();
      await database.query('create extension if not exists vector');
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await database.query('drop table if exists item; create table item (id int primary key, note text)');
    });

    it('gives the same values of each type', async () => {
      const [row] = await database.query(
        `select 7::int8 as small, 9007199254740993::int8 as large, 1.50::numeric as exact, 1.5::float8 as float,
                date '2026-01-02' as day, timestamp '2026-01-02 03:04:05.678' as local,
                timestamptz '2026-01-02 03:04:05.678+02' as instant, '{"a":[1]}'::jsonb as json, '\\x0102'::bytea as bytes,
                array[1,2]::int8[] as longs, array['a','b']::text[] as texts,
                array[date '2026-01-02', null] as days, null as nothing, true as flag,
                '[1,2,3]'::vector as place, 'x'::varchar as word, interval '1 day' as span`,
        [],
      );
      expect({ ...row, bytes: [...(row!.bytes as Uint8Array)] }).toEqual({
        small: 7,
        large: 9007199254740993n,
        exact: '1.50',
        float: 1.5,
        day: '2026-01-02',
        local: new Date('2026-01-02T03:04:05.678Z'),
        instant: new Date('2026-01-02T01:04:05.678Z'),
        json: { a: [1] },
        bytes: [1, 2],
        longs: [1, 2],
        texts: ['a', 'b'],
        days: ['2026-01-02', null],
        nothing: null,
        flag: true,
        place: '[1,2,3]',
        word: 'x',
        span: '1 day',
      });
    });

    it('gives those values also without parameters', async () => {
      const [row] = await database.query(`select 7::int8 as small, date '2026-01-02' as day, '{"a":1}'::jsonb as json`);
      expect(row).toEqual({ small: 7, day: '2026-01-02', json: { a: 1 } });
    });

    it('takes values of each type', async () => {
      await database.query(
        `create temp table if not exists taken (n int8, f float8, t text, b bool, at timestamptz, local timestamp, j jsonb,
           bytes bytea, texts text[], longs int8[], place vector(3), nothing text)`,
      );
      const at = new Date('2026-01-02T03:04:05.678Z');
      const values = [12n, 1.5, 'it"s {a}', true, at, at, '{"a":[1]}', new Uint8Array([1, 2]), ['a,b', 'c"d'], [1, 2]];
      const sql = 'insert into taken values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12) returning *';
      const [row] = await database.transaction((tx) => tx.query(sql, [...values, '[1,2,3]', null]));
      expect({ ...row, bytes: [...(row!.bytes as Uint8Array)] }).toEqual({
        n: 12,
        f: 1.5,
        t: 'it"s {a}',
        b: true,
        at,
        local: at,
        j: { a: [1] },
        bytes: [1, 2],
        texts: ['a,b', 'c"d'],
        longs: [1, 2],
        place: '[1,2,3]',
        nothing: null,
      });
    });

    it('writes many rows in one statement', async () => {
      const ids = Array.from({ length: 1_000 }, (_, id) => id);
      await database.query('insert into item select * from unnest($1::int[], $2::text[])', [ids, ids.map(String)]);
      expect(await database.query('select count(*) as count, sum(id) as sum from item', [])).toEqual([
        { count: 1_000, sum: 499_500 },
      ]);
    });

    it('runs a script and gives the rows of its last statement', async () => {
      const rows = await database.query(
        `insert into item values (1, 'a;b'); insert into item values (2); select id from item`,
      );
      expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
    });

    it('ranks by distance', async () => {
      const rows = await database.query(
        `select name from (values ('far', '[9,9,9]'::vector), ('near', '[1,1,2]')) as v(name, place) order by place <=> $1::vector`,
        ['[1,1,2]'],
      );
      expect(rows).toEqual([{ name: 'near' }, { name: 'far' }]);
    });

    it('commits a transaction as a whole and gives its result', async () => {
      const result = await database.transaction(async (tx) => {
        await tx.query('insert into item values ($1)', [1]);
        await tx.query('insert into item values ($1)', [2]);
        return 'done';
      });
      expect(result).toBe('done');
      expect(await database.query('select id from item order by id')).toHaveLength(2);
    });

    it('undoes a transaction whose callback throws, and throws the same', async () => {
      const failure = new Error('changed my mind');
      const outcome = database.transaction(async (tx) => {
        await tx.query('insert into item values ($1)', [1]);
        throw failure;
      });
      await expect(outcome).rejects.toBe(failure);
      expect(await database.query('select id from item')).toEqual([]);
    });

    it('undoes a transaction in which a statement failed, and goes on', async () => {
      const outcome = database.transaction(async (tx) => {
        await tx.query('insert into item values (1)');
        await tx.query('insert into item values (1)');
      });
      await expect(outcome).rejects.toThrow(/duplicate key/);
      expect(await database.query('select id from item')).toEqual([]);
    });

    it('says by its SQLSTATE which rule was broken', async () => {
      await database.query('insert into item values (1)');
      const error: unknown = await database.query('insert into item values ($1)', [1]).catch((e: unknown) => e);
      expect(sqlState(error)).toBe('23505');
      expect(sqlState(await database.query('select nonsense').catch((e: unknown) => e))).toBe('42703');
    });

    it('refuses a query on the database inside of its own transaction, instead of hanging', async () => {
      const outcome = database.transaction(() => database.query('select 1'));
      await expect(outcome).rejects.toThrow(/query the transaction/);
      await expect(database.transaction(() => database.transaction(async () => 1))).rejects.toThrow(
        /query the transaction/,
      );
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('runs transactions begun at the same time without mixing them', async () => {
      const add = (id: number) =>
        database.transaction(async (tx) => {
          await tx.query('insert into item values ($1)', [id]);
          if (id % 2 === 1) throw new Error('odd');
        });
      await Promise.allSettled([1, 2, 3, 4].map(add));
      expect(await database.query('select id from item order by id')).toEqual([{ id: 2 }, { id: 4 }]);
    });

    it('tells Prisma which rule was broken', async () => {
      await database.query('insert into item values (1)');
      const prisma = await database.prismaAdapter().connect();
      const insert = { sql: 'insert into item values (1)', args: [], argTypes: [] };
      const duplicate = {
        name: 'DriverAdapterError',
        cause: { kind: 'UniqueConstraintViolation', constraint: { index: 'item_pkey' } },
      };
      await expect(prisma.executeRaw(insert)).rejects.toMatchObject(duplicate);

      const tx = await prisma.startTransaction();
      await tx.executeRaw({ ...insert, sql: 'insert into item values (2)' });
      await expect(tx.executeRaw(insert)).rejects.toMatchObject(duplicate);
      // Prisma's engine sends it itself where the adapter asks for that.
      if (!tx.options.usePhantomQuery) await tx.executeRaw({ ...insert, sql: 'rollback' });
      await tx.rollback();
      expect(await database.query('select id from item')).toEqual([{ id: 1 }]);
      await prisma.dispose();
    });

    it('refuses queries beyond those that may wait, and serves again when they are done', async () => {
      const other = await open({ maxWaiting: 2, maxConnections: 1 });
      const asked = Array.from({ length: 10 }, () => other.query('select $1::int as one', [1]));
      const outcomes = await Promise.allSettled(asked);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused).toHaveLength(7);
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded' });
      expect(await other.query('select $1::int as one', [1])).toEqual([{ one: 1 }]);
      await other.close();
    });

    it('is ready until it is closed', async () => {
      const other = await open();
      expect(await other.ready()).toBe(true);
      await other.close();
      await other.close();
      expect(await other.ready()).toBe(false);
      await expect(other.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
}
