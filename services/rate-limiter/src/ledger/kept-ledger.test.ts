import { describe, expect, it } from '@jest/globals';
import { openDatabase } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { createFakeClock, until } from '@flotilla/testkit';
import { record } from './ledger.fixture.ts';
import { KeptLedger } from './kept-ledger.ts';

const config = { ledgerTimeoutMs: 5_000, quotaLogRetentionDays: 400 };

describe('a ledger whose database is away at the start', () => {
  it('holds up no start, is unavailable, and keeps what comes once the database is there', async () => {
    const clock = createFakeClock();
    const database = await openDatabase('pglite://memory');
    let away = true;
    const open = async () => {
      if (away) throw new FlotillaError('unavailable');
      return database;
    };
    const ledger = new KeptLedger({ ...config, open, clock });
    await ledger.start();
    await expect(ledger.record([record('r1')])).rejects.toMatchObject({ code: 'unavailable' });
    await clock.advanceAsync(1_000);
    await expect(ledger.used('org-a', [])).rejects.toMatchObject({ code: 'unavailable' });
    away = false;
    await clock.advanceAsync(1_000);
    await until(() => ledger.record([record('r1')]).then(() => true), { what: 'the ledger to take a record' });
    const question = { orgId: 'org-a', userId: '', keyId: '', from: 0, to: Date.UTC(2027, 0), groupBy: [] };
    expect((await ledger.usage(question)).sums).toMatchObject([{ requests: 1 }]);
    await ledger.stop();
    expect(clock.pending).toBe(0);
    await database.close();
  });

  it('does not start on a database that will never take its tables', async () => {
    const open = () => Promise.reject(new FlotillaError('internal', 'no pgvector'));
    const ledger = new KeptLedger({ ...config, open, clock: createFakeClock() });
    await expect(ledger.start()).rejects.toThrow('no pgvector');
  });
});
