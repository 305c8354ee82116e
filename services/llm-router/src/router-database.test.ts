import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import path from 'node:path';
import { openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import { FlotillaError } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import { routerMigrations } from './migrations.ts';
import { RouterDatabase } from './router-database.ts';

let real: Database;
beforeAll(async () => {
  real = await openDatabase('pglite://memory');
});
afterAll(() => real.close());

describe('the router’s database', () => {
  it('has the tables that the Prisma schema says', async () => {
    const database = new RouterDatabase(async () => real, createFakeClock());
    await database.start();
    await expectPrismaAgrees(real, {
      schema: 'router',
      prismaSchema: path.join(routerMigrations.folder, '../schema.prisma'),
    });
    expect(await database.transaction((tx) => tx.query('select 1 as one'))).toEqual([{ one: 1 }]);
  });

  it('that is away at first is unavailable, and used once it is there', async () => {
    const clock = createFakeClock();
    let tries = 0;
    const open = async () => {
      tries += 1;
      if (tries < 3) throw new FlotillaError('unavailable');
      return real;
    };
    const database = new RouterDatabase(open, clock);
    await database.start();
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
    await clock.advanceAsync(500);
    expect(tries).toBe(2);
    const again = database.start();
    await again;
    expect(await database.query('select 1 as one', [])).toEqual([{ one: 1 }]);
    database.stop();
  });

  it('is not looked for any more after the end', async () => {
    const clock = createFakeClock();
    let tries = 0;
    const database = new RouterDatabase(async () => {
      tries += 1;
      throw new FlotillaError('unavailable');
    }, clock);
    await database.start();
    database.stop();
    await clock.advanceAsync(60_000);
    expect(tries).toBe(1);
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
