import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { turnSaved, usageRecorded } from '@flotilla/bus';
import type { events } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { systemClock } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { Outbox } from './outbox.ts';
import { postgresOutboxStore } from './outbox-store.postgres.ts';
import { startPlatform, type Platform } from './platform.fixture.ts';

let database: Database;
let platform: Platform | undefined;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());
afterEach(async () => {
  await platform?.stop();
  platform = undefined;
});

async function collect({ bus }: Platform) {
  const usage: events.UsageRecorded[] = [];
  const turns: events.TurnSaved[] = [];
  await bus.subscribe(usageRecorded, ({ records }) => void usage.push(...records), { consumer: 'test' });
  await bus.subscribe(turnSaved, (event) => void turns.push(event), { consumer: 'test' });
  return { usage, turns };
}
const waiting = async () =>
  Number((await database.query<{ n: number }>('select count(*)::int as n from orchestrator.outbox', []))[0]!.n);

describe('the outbox', () => {
  it('publishes what each call used and each saved turn, and keeps nothing after', async () => {
    platform = await startPlatform(database);
    const seen = await collect(platform);
    const call = platform.request({ conversationId: 'o1' });
    await platform.chat(call);
    await platform.chat(platform.request());
    await until(() => seen.usage.length + seen.turns.length >= 3);
    expect(seen.usage[0]).toMatchObject({
      ...{ caller: call.caller, model: 'm', provider: 'p', outcome: 'completed' },
      usage: { promptTokens: 10, completionTokens: 2, cachedTokens: 2, estimated: false },
    });
    expect(seen.usage).toHaveLength(2);
    expect(seen.turns).toMatchObject([{ conversationId: 'o1', caller: call.caller }]);
    await until(async () => (await waiting()) === 0);
  });

  it('keeps events while the bus is away and publishes them in order when it is back', async () => {
    platform = await startPlatform(database);
    const seen = await collect(platform);
    platform.outage.bus = true;
    const calls = Array.from({ length: 5 }, () => platform!.request());
    for (const call of calls) {
      await platform.chat(call);
      await platform.recordedUsage(call);
    }
    expect({ waiting: await waiting(), seen: seen.usage.length }).toEqual({ waiting: 5, seen: 0 });
    platform.outage.bus = false;
    await until(async () => (await waiting()) === 0);
    expect(seen.usage.map(({ caller }) => caller!.requestId)).toEqual(calls.map(({ caller }) => caller!.requestId));
  });

  it('publishes at its next start what a run before left', async () => {
    platform = await startPlatform(database, {}, { config: { outboxClaimMs: 1 } });
    platform.outage.bus = true;
    const call = platform.request();
    await platform.chat(call);
    await platform.recordedUsage(call);
    await platform.stop();
    platform = await startPlatform(database);
    const seen = await collect(platform);
    await until(() => seen.usage.length > 0);
    expect(seen.usage.map(({ caller }) => caller!.requestId)).toEqual([call.caller!.requestId]);
  });

  it('and the usage that still waited for company are written out when the service stops', async () => {
    platform = await startPlatform(database, {}, { config: { usageWaitMs: 60_000, outboxPollMs: 60_000 } });
    const seen = await collect(platform);
    const call = platform.request();
    await platform.chat(call);
    await platform.stop();
    const rows = await platform.usageOf(call);
    platform = undefined;
    expect({ rows: rows.length, published: seen.usage.length, waiting: await waiting() }).toEqual({
      ...{ rows: 1, published: 1, waiting: 0 },
    });
  });

  it('shared by several replicas publishes each event once', async () => {
    platform = await startPlatform(database);
    await platform.stop();
    platform = undefined;
    await database.query(
      `insert into orchestrator.outbox (events)
       select '[{"topic":"usage.recorded","eventId":"shared-' || n || '","payload":{"model":"m"}}]' from generate_series(1, 60) as n`,
      [],
    );
    const published: string[] = [];
    const replicas = Array.from(
      { length: 3 },
      () =>
        new Outbox({
          ...{ store: postgresOutboxStore(database), clock: systemClock, pollMs: 60_000, claimMs: 60_000 },
          publish: async (commit) => void published.push(...commit.map(({ eventId }) => eventId)),
        }),
    );
    await Promise.all(replicas.map((replica) => replica.wake(true)));
    await Promise.all(replicas.map((replica) => replica.stop()));
    expect(new Set(published).size).toBe(60);
    expect(published).toHaveLength(60);
    expect(await waiting()).toBe(0);
  });
});
