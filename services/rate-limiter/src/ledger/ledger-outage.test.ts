import { afterAll, afterEach, beforeAll, beforeEach, expect, it, describe } from '@jest/globals';
import { createMemoryBus, createNatsBus, usageRecorded, type Bus, type Subscription } from '@flotilla/bus';
import { openDatabase, type Database, type Queryable } from '@flotilla/database';
import { FlotillaError, systemClock } from '@flotilla/kernel';
import { describeWith, startNats, startPostgres, until, type TestServer } from '@flotilla/testkit';
import { bothSums, prepareLedger, record } from './ledger.fixture.ts';
import { keepLedger } from './ledger.events.ts';
import { PostgresLedger } from './ledger.postgres.ts';

/** Publishes numbered records in events of three, each event twice, as an outbox does that was not told of the first. */
async function publishTwice(bus: Bus, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 3) {
    const records = [n, n + 1, n + 2].map((each) => record(`r${each}`, { usage: { completionTokens: each } }));
    for (const id of [`first ${n}`, `again ${n}`]) await bus.publish(usageRecorded, { records }, { id });
  }
}

const total = async (database: Database): Promise<{ n: number; tokens: number }> => {
  const [row] = await database.query<{ n: number; tokens: number }>(
    'select count(*)::int as n, sum(completion_tokens)::int as tokens from limits.quota_log',
  );
  return row!;
};
const sumTo = (count: number) => (count * (count - 1)) / 2;

async function hasAll(database: Database, count: number): Promise<void> {
  await until(async () => (await total(database)).n === count, { timeoutMs: 20_000, what: `${count} requests` });
  expect((await total(database)).tokens).toBe(sumTo(count));
  const { log, daily } = await bothSums(database);
  expect(daily).toEqual(log);
}

describeWith(['postgres', 'nats-server'], 'a ledger whose servers die', () => {
  let postgres: TestServer;
  let nats: TestServer;
  let database: Database;
  let bus: Bus;
  beforeAll(async () => {
    [postgres, nats] = await Promise.all([startPostgres(), startNats()]);
    database = await openDatabase(postgres.url);
    await prepareLedger(database);
    bus = await createNatsBus({ servers: nats.url, name: 'ledger-test' });
    await keepLedger(bus, new PostgresLedger({ database, clock: systemClock, timeoutMs: 2_000 }));
  }, 60_000);
  afterAll(async () => {
    await bus.close();
    await database.close();
    await Promise.all([postgres.stop(), nats.stop()]);
  });

  it('has every request once, whenever Postgres dies and whatever comes meanwhile', async () => {
    await publishTwice(bus, 0, 30);
    const during = publishTwice(bus, 30, 60);
    await postgres.kill();
    await during;
    await publishTwice(bus, 60, 90);
    await postgres.restart();
    await hasAll(database, 90);
  }, 60_000);

  it('goes on where it was after NATS came back', async () => {
    await publishTwice(bus, 90, 120);
    await nats.kill();
    await nats.restart();
    await publishTwice(bus, 120, 150);
    await hasAll(database, 150);
  }, 60_000);

  it('refuses within its deadline when Postgres hangs, and has what comes again once', async () => {
    const ledger = new PostgresLedger({ database, clock: systemClock, timeoutMs: 200 });
    const one = record('r150', { usage: { completionTokens: 150 } });
    const other = await openDatabase(postgres.url);
    await other.transaction(async (tx) => {
      await tx.query('lock table limits.quota_log in access exclusive mode');
      await expect(ledger.record([one])).rejects.toMatchObject({ code: 'unavailable' });
    });
    await other.close();
    await until(async () => ledger.record([one]).then(() => true), { what: 'the ledger to answer again' });
    await hasAll(database, 151);
  });
});

describe('the ledger on the memory bus', () => {
  let database: Database;
  let bus: Bus;
  let subscription: Subscription;
  let away = false;
  const withOutages: Queryable = {
    query: (...query) => (away ? Promise.reject(new FlotillaError('unavailable')) : database.query(...query)),
  };
  beforeEach(async () => {
    database = await openDatabase('pglite://memory');
    await prepareLedger(database);
    bus = createMemoryBus();
    subscription = await keepLedger(
      bus,
      new PostgresLedger({ database: withOutages, clock: systemClock, timeoutMs: 2_000 }),
    );
  });
  afterEach(async () => {
    await bus.close();
    await database.close();
  });

  it('has every request once when the database or the ledger itself was away', async () => {
    await publishTwice(bus, 0, 9);
    away = true;
    await publishTwice(bus, 9, 18);
    away = false;
    await subscription.close();
    await publishTwice(bus, 18, 27);
    await keepLedger(bus, new PostgresLedger({ database, clock: systemClock, timeoutMs: 2_000 }));
    await hasAll(database, 27);
  });
});
