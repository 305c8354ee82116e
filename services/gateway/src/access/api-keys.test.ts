import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate, openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import { parsePlatformFile } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import path from 'node:path';
import { ApiKeys } from './api-keys.ts';
import { databaseKeyStore } from './key-store.database.ts';
import type { KeyStore } from './key-store.ts';
import { memoryKeyStore } from './key-store.fixture.ts';
import { plansOf } from './plans.fixture.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  await migrate(database, { schema: 'gateway', folder: path.join(import.meta.dirname, '../../prisma/migrations') });
});
afterAll(() => database.close());

const key = 'sk-live-1';
const id = 'key_1';

/** A key in the database, and a store that counts questions and can be down. */
async function setUp(pepper?: string) {
  const clock = createFakeClock();
  const inner = databaseKeyStore(database);
  const state = { down: false, questions: 0 };
  const store: KeyStore = {
    ...inner,
    async find(hash) {
      state.questions += 1;
      if (state.down) throw new Error('connection refused to 10.0.0.1');
      return inner.find(hash);
    },
  };
  const { plans, file } = plansOf('tiers: { pro: { requests_per_minute: 5 } }');
  const keys = new ApiKeys({ store, clock, plans, pepper, cacheSize: 100 });
  const scopes = ['inference'] as const;
  await store.put({ id, orgId: 'acme', hash: keys.hash(key), prefix: 'sk-live', name: 'first', tier: 'pro', scopes });
  return { clock, keys, state, file };
}

const set = (column: string, value: string | null) =>
  database.query(`UPDATE gateway.api_keys SET ${column} = $1::timestamptz WHERE id = '${id}'`, [value]);

beforeEach(() => database.query('DELETE FROM gateway.api_keys; DELETE FROM gateway.organisations'));

describe('an API key', () => {
  it.each([undefined, 'a pepper of length'])('is recognised (pepper: %s) and never stored', async (pepper) => {
    const { keys } = await setUp(pepper);
    const expected = { orgId: 'acme', userId: '', keyId: id, tier: 'pro', models: undefined };
    expect(await keys.verify(key)).toMatchObject({ ...expected, scopes: new Set(['inference']) });
    const rows = await database.query('SELECT * FROM gateway.api_keys');
    expect(JSON.stringify(rows)).not.toContain(key);
  });

  it('costs the database one question however many ask, and none while it is fresh', async () => {
    const { keys, state, clock } = await setUp();
    await Promise.all([keys.verify(key), keys.verify(key), keys.verify(key)]);
    expect(state.questions).toBe(1);
    expect(keys.verify(key)).not.toBeInstanceOf(Promise);
    clock.advance(30_001);
    await keys.verify(key);
    expect(state.questions).toBe(2);
  });

  it('that nobody has is refused, and the refusal is remembered for five seconds', async () => {
    const { keys, state, clock } = await setUp();
    await expect(keys.verify('sk-other')).rejects.toMatchObject({ code: 'invalid_api_key' });
    expect(() => keys.verify('sk-other')).toThrow('not valid');
    expect(state.questions).toBe(1);
    clock.advance(5_001);
    await expect(keys.verify('sk-other')).rejects.toMatchObject({ code: 'invalid_api_key' });
    expect(state.questions).toBe(2);
    expect(() => keys.verify(undefined)).toThrow('missing or not valid');
  });

  it('that was revoked is refused once the change is announced', async () => {
    const { keys } = await setUp();
    await keys.verify(key);
    await set('revoked_at', '2026-01-01');
    keys.forget(id);
    await expect(keys.verify(key)).rejects.toThrow('revoked');
  });

  it('that was forgotten while the store was asked about it is asked about anew', async () => {
    const { keys, state } = await setUp();
    const first = Promise.resolve(keys.verify(key)).catch(() => undefined);
    keys.forget(id);
    await keys.verify(key);
    await first;
    expect(state.questions).toBe(2);
  });

  it('is refused with its organisation, by the event that names only that', async () => {
    const { keys } = await setUp();
    await keys.verify(key);
    await database.query(`UPDATE gateway.organisations SET disabled_at = now() WHERE id = 'acme'`);
    keys.forget('', 'another');
    expect(keys.verify(key)).toMatchObject({ orgId: 'acme' });
    keys.forget('', 'acme');
    await expect(keys.verify(key)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('that must sign is not taken as a bearer', async () => {
    const { keys } = await setUp();
    await database.query(`UPDATE gateway.api_keys SET require_signature = true`);
    await expect(keys.verify(key)).rejects.toThrow('signed request');
    expect(await keys.verifyId(id)).toMatchObject({ keyId: id });
  });

  it('has the limits its tier has now, without a question to the database', async () => {
    const { keys, file, state } = await setUp();
    const limit = async () => (await keys.verify(key)).plan.subjects[0]!.requestsPerMinute;
    expect(await limit()).toBe(5);
    file.set(parsePlatformFile('tiers: { pro: { requests_per_minute: 6 } }'));
    expect(await limit()).toBe(6);
    expect(state.questions).toBe(1);
  });

  it('expires at its time, also while it is remembered', async () => {
    const { keys, clock } = await setUp();
    await set('expires_at', new Date(clock.now() + 1_000).toISOString());
    expect((await keys.verify(key)).keyId).toBe(id);
    clock.advance(1_000);
    expect(() => keys.verify(key)).toThrow('expired');
  });

  it('goes on working while the database is down; an unknown one is neither right nor wrong', async () => {
    const { keys, state, clock } = await setUp();
    await keys.verify(key);
    clock.advance(60_000);
    state.down = true;
    expect((await keys.verify(key)).keyId).toBe(id);
    await expect(keys.verify('sk-unknown')).rejects.toMatchObject({ code: 'unavailable' });
    clock.advance(700_000);
    await expect(keys.verify(key)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is not waited for longer than two seconds when the database hangs', async () => {
    const clock = createFakeClock();
    const store: KeyStore = { ...memoryKeyStore(), find: () => new Promise(() => undefined) };
    const { plans } = plansOf('');
    const answer = new ApiKeys({ store, clock, plans, pepper: undefined, cacheSize: 1 }).verify(key);
    clock.advance(2_000);
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
    expect(clock.pending).toBe(0);
  });
});

describe('the tables of keys', () => {
  it('tell when a key was last used', async () => {
    await setUp();
    await databaseKeyStore(database).noteUse([id, 'key_unknown']);
    const [row] = await database.query('SELECT last_used_at FROM gateway.api_keys', []);
    expect(row).toEqual({ last_used_at: expect.any(Date) });
  });

  it('are what the Prisma schema says', async () => {
    const prismaSchema = path.join(import.meta.dirname, '../../prisma/schema.prisma');
    await expectPrismaAgrees(database, { schema: 'gateway', prismaSchema });
  });
});
