import { createMemoryBus } from '@flotilla/bus';
import { migrate, openDatabase, type Database } from '@flotilla/database';
import { createFakeClock, until } from '@flotilla/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import path from 'node:path';
import { orgAdmin, root, startReplica } from './directory.fixture.ts';
import type { Directory } from './directory.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  await migrate(database, { schema: 'gateway', folder: path.join(import.meta.dirname, '../../prisma/migrations') });
});
afterAll(() => database.close());
beforeEach(() => database.query('DELETE FROM gateway.organisations; DELETE FROM gateway.tiers'));

const clock = createFakeClock();

async function setUp() {
  const bus = createMemoryBus();
  const [one, other] = [await startReplica({ database, clock, bus }), await startReplica({ database, clock, bus })];
  await one.directory.createOrg(root, { id: 'acme', name: 'Acme' });
  return { directory: one.directory, one, other };
}

describe('a key', () => {
  it('is told once, works on every replica, and stands in no table', async () => {
    const { directory, other } = await setUp();
    const { key, secret, signingSecret } = await directory.createKey(root, 'acme', { name: 'first' });
    expect(secret).toMatch(/^sk-fl-[0-9A-Za-z]{32}$/);
    expect(key.prefix).toBe(secret.slice(0, 10));
    expect(await other.keys.verify(secret)).toMatchObject({ orgId: 'acme', keyId: key.id, tier: 'default' });
    expect(await directory.getKey(root, 'acme', key.id)).toEqual(key);
    const tables = await Promise.all(
      ['api_keys', 'audit_log'].map((table) => database.query(`SELECT * FROM gateway.${table}`)),
    );
    expect(JSON.stringify(tables)).not.toContain(secret);
    expect(JSON.stringify(tables)).not.toContain(signingSecret);
  });

  it('that is revoked is refused by the replica that did it at once, and by every other when it hears of it', async () => {
    const { directory, one, other } = await setUp();
    const { key, secret } = await directory.createKey(root, 'acme', { name: 'first' });
    await Promise.all([one.keys.verify(secret), other.keys.verify(secret)]);
    await directory.revokeKey(root, 'acme', key.id);
    await expect(one.keys.verify(secret)).rejects.toThrow('revoked');
    await until(async () => (await refusal(() => other.keys.verify(secret))) === 'This API key was revoked.');
  });

  it('that is rotated works beside the new one until the overlap ends; the new one is like it', async () => {
    const { directory, one } = await setUp();
    const fields = { name: 'first', models: ['m*'], limits: { requests_per_day: 7 }, scopes: ['usage' as const] };
    const old = await directory.createKey(root, 'acme', fields);
    const next = await directory.rotateKey(root, 'acme', old.key.id, { overlapMs: 60_000 });
    expect(next.key).toMatchObject(fields);
    expect(await one.keys.verify(old.secret)).toMatchObject({ keyId: old.key.id });
    expect(await one.keys.verify(next.secret)).toMatchObject({ keyId: next.key.id });
    clock.advance(60_000);
    expect(await refusal(() => one.keys.verify(old.secret))).toBe('This API key has expired.');
    expect(await one.keys.verify(next.secret)).toMatchObject({ keyId: next.key.id });
    const shown = await directory.getKey(root, 'acme', old.key.id);
    expect(shown).toMatchObject({ replacedBy: next.key.id, rotatedAt: clock.now() - 60_000 });
    await expect(directory.rotateKey(root, 'acme', old.key.id)).rejects.toMatchObject({ code: 'in_the_way' });
  });

  it('is changed without another secret', async () => {
    const { directory, one } = await setUp();
    const { key, secret } = await directory.createKey(root, 'acme', { name: 'first' });
    await one.keys.verify(secret);
    await directory.updateKey(root, 'acme', key.id, { models: ['small'], scopes: ['inference'], expiresAt: null });
    expect(await one.keys.verify(secret)).toMatchObject({ models: ['small'], scopes: new Set(['inference']) });
  });

  it('is refused with its user and with its organisation, and taken again', async () => {
    const { directory, one } = await setUp();
    await directory.createUser(root, 'acme', { id: 'ann', name: 'Ann' });
    const { secret } = await directory.createKey(root, 'acme', { name: 'hers', userId: 'ann' });
    expect(await one.keys.verify(secret)).toMatchObject({ userId: 'ann' });
    await directory.disableUser(root, 'acme', 'ann');
    expect(await refusal(() => one.keys.verify(secret))).toContain('user is disabled');
    await directory.updateUser(root, 'acme', 'ann', { disabled: false });
    await directory.disableOrg(root, 'acme');
    expect(await refusal(() => one.keys.verify(secret))).toContain('organisation is disabled');
    await directory.updateOrg(root, 'acme', { disabled: false });
    expect(await one.keys.verify(secret)).toMatchObject({ userId: 'ann' });
  });
});

describe('a tier', () => {
  it('holds for its keys as soon as it is put, over the one of the file, and the file again when it is deleted', async () => {
    const bus = createMemoryBus();
    const replica = await startReplica({ database, clock, bus, yaml: 'tiers: { pro: { requests_per_minute: 5 } }' });
    const { directory, keys } = replica;
    await directory.createOrg(root, { id: 'acme', name: 'Acme', tier: 'pro' });
    const { secret } = await directory.createKey(root, 'acme', { name: 'first' });
    const limit = async () => (await keys.verify(secret)).plan.subjects[0]!.requestsPerMinute;
    expect(await limit()).toBe(5);
    await directory.putTier(root, { name: 'pro', definition: { requests_per_minute: 50 } });
    await until(async () => (await limit()) === 50);
    expect((await directory.listTiers(root)).map(({ name, source }) => `${name} ${source}`)).toEqual([
      'enterprise file',
      'free file',
      'pro database',
    ]);
    await directory.deleteTier(root, 'pro');
    await until(async () => (await limit()) === 5);
  });

  it('that nobody defined is not given, and one that is in use is not deleted', async () => {
    const { directory } = await setUp();
    await expect(directory.updateOrg(root, 'acme', { tier: 'gold' })).rejects.toMatchObject({
      details: { param: 'tier' },
    });
    await directory.putTier(root, { name: 'gold', definition: {} });
    await directory.updateOrg(root, 'acme', { tier: 'gold' });
    await expect(directory.deleteTier(root, 'gold')).rejects.toMatchObject({ code: 'in_the_way' });
  });
});

describe("an organisation's administrator", () => {
  const ann = orgAdmin('acme');

  it('sees and changes its own organisation, and learns nothing of others', async () => {
    const { directory } = await setUp();
    await directory.createOrg(root, { id: 'other', name: 'Other' });
    const { key } = await directory.createKey(ann, 'acme', { name: 'mine', limits: { requests_per_minute: 3 } });
    expect((await directory.listKeys(ann, 'acme')).items).toEqual([key]);
    expect((await directory.listOrgs(ann)).items.map(({ id }) => id)).toEqual(['acme']);
    const foreign = [
      () => directory.listKeys(ann, 'other'),
      () => directory.createUser(ann, 'other', { name: 'x' }),
      () => directory.getOrg(ann, 'other'),
      () => directory.listAudit(ann, 'other'),
    ];
    for (const attempt of foreign) await expect(attempt()).rejects.toMatchObject({ code: 'not_found' });
  });

  it('cannot give itself more than it was given', async () => {
    const { directory } = await setUp();
    await directory.putTier(root, {
      name: 'pro',
      definition: { requests_per_minute: 10, user: { tokens_per_week: 5 } },
    });
    await directory.updateOrg(root, 'acme', { tier: 'pro' });
    const platform = await directory.createKey(root, 'acme', { name: 'root', scopes: ['admin'] });
    const attempts: (() => Promise<unknown>)[] = [
      () => directory.createKey(ann, 'acme', { name: 'x', scopes: ['admin'] }),
      () => directory.createKey(ann, 'acme', { name: 'x', tier: 'pro' }),
      () => directory.createKey(ann, 'acme', { name: 'x', limits: { requests_per_minute: 11 } }),
      () => directory.createUser(ann, 'acme', { name: 'x', limits: { tokens_per_week: 6 } }),
      () => directory.updateKey(ann, 'acme', platform.key.id, { name: 'x' }),
      () => directory.rotateKey(ann, 'acme', platform.key.id),
      () => directory.revokeKey(ann, 'acme', platform.key.id),
      () => directory.updateOrg(ann, 'acme', { tier: 'pro' }),
      () => directory.updateOrg(ann, 'acme', { limits: {} }),
      () => directory.updateOrg(ann, 'acme', { disabled: false }),
      () => directory.createOrg(ann, { name: 'x' }),
      () => directory.putTier(ann, { name: 'pro', definition: {} }),
      () => directory.deleteTier(ann, 'pro'),
      () => directory.listTiers(ann),
      () => directory.listAudit(ann, undefined),
    ];
    const codes = await Promise.all(attempts.map(codeOf));
    expect(codes).toEqual(attempts.map(() => 'permission_denied'));
    expect((await directory.listKeys(root, 'acme')).items).toHaveLength(1);
  });

  it('is somebody with that scope: a key for chats is refused', async () => {
    const { directory } = await setUp();
    const plain = { ...ann, scopes: new Set(['inference' as const]) };
    expect(await codeOf(() => directory.listKeys(plain, 'acme'))).toBe('permission_denied');
  });
});

describe('the audit log', () => {
  it('tells every change, the newest first, page by page', async () => {
    const { directory } = await setUp();
    const { key } = await directory.createKey(orgAdmin('acme'), 'acme', { name: 'first' });
    await directory.revokeKey(root, 'acme', key.id);
    const newest = await directory.listAudit(root, 'acme', { limit: 2 });
    expect(newest.items).toMatchObject([
      { action: 'key.revoke', actor: { keyId: 'key_root' }, target: { kind: 'key', id: key.id }, orgId: 'acme' },
      { action: 'key.create', actor: { keyId: 'key_admin', userId: 'ann' }, change: { name: 'first' } },
    ]);
    const rest = await directory.listAudit(root, 'acme', { limit: 2, after: newest.next! });
    expect(rest.items[0]).toMatchObject({ action: 'org.create' });
  });

  it('has no row of a change that failed, and there is no change without its row', async () => {
    const { directory } = await setUp();
    const count = async () => (await database.query('SELECT id FROM gateway.audit_log')).length;
    const before = await count();
    expect(await codeOf(() => directory.createOrg(root, { id: 'acme', name: 'again' }))).toBe('in_the_way');
    expect(await codeOf(() => directory.createKey(root, 'acme', { name: 'x', userId: 'nobody' }))).toBe('not_found');
    expect(await count()).toBe(before);
    await database.query(`ALTER TABLE gateway.audit_log ADD CONSTRAINT none CHECK (action <> 'org.update') NOT VALID`);
    await expect(directory.updateOrg(root, 'acme', { name: 'other' })).rejects.toThrow('none');
    await database.query('ALTER TABLE gateway.audit_log DROP CONSTRAINT none');
    expect(await directory.getOrg(root, 'acme')).toMatchObject({ name: 'Acme' });
  });

  it.each([`UPDATE gateway.audit_log SET action = 'x'`, 'DELETE FROM gateway.audit_log', 'TRUNCATE gateway.audit_log'])(
    'only grows: %s',
    async (sql) => {
      await setUp();
      await expect(database.query(sql)).rejects.toThrow('the audit log only grows');
    },
  );
});

describe('the directory', () => {
  it('names the field that is wrong', async () => {
    const { directory } = await setUp();
    const wrong: [() => Promise<unknown>, string][] = [
      [() => directory.createOrg(root, { id: '../x', name: 'x' }), 'id'],
      [() => directory.createKey(root, 'acme', { name: '' }), 'name'],
      [() => directory.createKey(root, 'acme', { name: 'x', scopes: [] }), 'scopes'],
      [
        () => directory.createKey(root, 'acme', { name: 'x', limits: { requests_per_minute: 0 } }),
        'limits.requests_per_minute',
      ],
      [() => directory.createKey(root, 'acme', { name: 'x', models: ['a*b'] }), 'models[0]'],
      [() => directory.listKeys(root, 'acme', { limit: 1_000 }), 'limit'],
    ];
    for (const [attempt, param] of wrong) {
      await expect(attempt()).rejects.toMatchObject({ code: 'invalid_request', details: { param } });
    }
  });

  it('lists organisations and users by id, page by page', async () => {
    const { directory } = await setUp();
    await directory.createOrg(root, { id: 'zeta', name: 'Zeta' });
    for (const id of ['c', 'auth0|a/1', 'b']) await directory.createUser(root, 'acme', { id, name: id });
    const first = await directory.listUsers(root, 'acme', { limit: 2 });
    expect(first.items.map(({ id }) => id)).toEqual(['auth0|a/1', 'b']);
    const rest = await directory.listUsers(root, 'acme', { limit: 2, after: first.next! });
    expect([rest.items.map(({ id }) => id), rest.next]).toEqual([['c'], undefined]);
    expect((await directory.listOrgs(root)).items.map(({ id }) => id)).toEqual(['acme', 'zeta']);
  });

  it('asks for a signing secret before a key can be made that must sign', async () => {
    const { directory } = await startReplica({ database, clock, config: { signingSecret: undefined } });
    await makeOrg(directory);
    const made = await directory.createKey(root, 'acme', { name: 'x' });
    expect(made.signingSecret).toBeUndefined();
    const attempt = directory.createKey(root, 'acme', { name: 'x', requireSignature: true });
    await expect(attempt).rejects.toThrow('FLOTILLA_GATEWAY_SIGNING_SECRET');
  });
});

const makeOrg = (directory: Directory) => directory.createOrg(root, { id: 'acme', name: 'Acme' });

/** What a client is told, or undefined when it is not refused. */
async function refusal(attempt: () => unknown): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function codeOf(attempt: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
