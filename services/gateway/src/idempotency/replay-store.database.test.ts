import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate, openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import path from 'node:path';
import { databaseReplayStore } from './replay-store.database.ts';

const prisma = path.join(import.meta.dirname, '../../prisma');
const slot = { orgId: 'acme', name: 'n', digest: 'd' };
const answer = { status: 200, headers: ['content-type', 'a/b'], body: new Uint8Array([0, 1, 255]) };

let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  await migrate(database, { schema: 'gateway', folder: path.join(prisma, 'migrations') });
});
beforeEach(() => database.query('DELETE FROM gateway.idempotency'));
afterAll(() => database.close());

const store = (owner: string) => databaseReplayStore({ database, owner, leaseMs: 15_000, ttlMs: 60_000 });
const set = (column: string) =>
  database.query(`UPDATE gateway.idempotency SET ${column} = now() - interval '1 second'`, []);

describe('a claim', () => {
  it('is had by one gateway of all that ask at once', async () => {
    const held = await Promise.all(['a', 'b', 'c', 'd'].map((owner) => store(owner).claim(slot)));
    expect(held.filter(({ state }) => state === 'claimed')).toHaveLength(1);
    expect(held.filter(({ state }) => state === 'running')).toHaveLength(3);
  });

  it('ends with the answer, byte for byte, for all', async () => {
    await store('a').claim(slot);
    await store('a').finish(slot, answer);
    expect(await store('b').claim(slot)).toEqual({ state: 'done', digest: 'd', answer: expect.anything() });
    const held = await store('b').claim({ ...slot, digest: 'other' });
    expect(held.state === 'done' && [held.digest, held.answer.headers, ...held.answer.body]).toEqual([
      ...['d', answer.headers, 0, 1, 255],
    ]);
  });

  it('is free again when it ends without an answer', async () => {
    await store('a').claim(slot);
    await store('a').finish(slot, undefined);
    expect(await store('b').claim(slot)).toEqual({ state: 'claimed' });
  });

  it('of a gateway that died is taken over, and what the dead one says later is not heard', async () => {
    await store('a').claim(slot);
    await set('lease_until');
    expect(await store('b').claim({ ...slot, digest: 'other' })).toEqual({ state: 'running', digest: 'd' });
    expect(await store('b').claim(slot)).toEqual({ state: 'claimed' });
    await store('a').finish(slot, answer);
    expect(await store('c').claim(slot)).toEqual({ state: 'running', digest: 'd' });
  });

  it('holds as long as its owner says that it is alive', async () => {
    await store('a').claim(slot);
    await set('lease_until');
    await store('b').renew();
    await store('a').renew();
    expect(await store('b').claim(slot)).toEqual({ state: 'running', digest: 'd' });
  });

  it('expires with its answer', async () => {
    await store('a').claim(slot);
    await store('a').finish(slot, answer);
    await set('expires_at');
    expect(await store('b').claim({ ...slot, digest: 'other' })).toEqual({ state: 'claimed' });
    await set('expires_at');
    await store('a').sweep();
    expect(await database.query('SELECT 1 FROM gateway.idempotency')).toEqual([]);
  });

  it('is of one organisation', async () => {
    await store('a').claim(slot);
    await store('a').finish(slot, answer);
    expect(await store('b').claim({ ...slot, orgId: 'globex' })).toEqual({ state: 'claimed' });
  });
});

describe('the tables of rules and answers', () => {
  it('are what the Prisma schema says', async () => {
    await expectPrismaAgrees(database, { schema: 'gateway', prismaSchema: path.join(prisma, 'schema.prisma') });
  });
});
