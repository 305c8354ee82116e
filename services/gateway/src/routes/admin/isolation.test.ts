import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { startPlatform, type Platform } from '../../platform.fixture.ts';
import { ask, need, operationOf, problem } from './admin.fixture.ts';
import { adminOperations } from './operations.ts';

const rule = { kind: 'block', pattern: 'secret', message: 'No.' };

/** What is theirs: organisation b's. */
const theirs: Record<string, string> = { org: 'b', user: 'ben', rule: 'r1', tier: 'dev' };
/** A body each operation would take from who may. */
const bodies: Readonly<Record<string, unknown>> = {
  createOrg: { name: 'C' },
  updateOrg: { name: 'Mine now' },
  createUser: { name: 'Eve' },
  updateUser: { name: 'Eve' },
  createKey: { name: 'mine' },
  updateKey: { name: 'mine' },
  rotateKey: {},
  putRule: rule,
  putTier: { requests_per_minute: 1 },
  testRule: { pattern: 'a', samples: ['a'] },
};
/** Those that name no organisation, and are seen to below. */
const ofNobody = ['listOrgs', 'testRule'];

let database: Database;
let platform: Platform;
/** An administrator of organisation a. */
let key: string;

beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  platform = await startPlatform({}, { database });
  for (const org of ['a', 'b']) {
    await need(platform.url, 'createOrg', { body: { id: org, name: org, tier: 'dev' } });
    await need(platform.url, 'createUser', { params: { org }, body: { id: org === 'b' ? 'ben' : 'ann', name: 'B' } });
    await need(platform.url, 'putRule', { params: { org, rule: 'r1' }, body: rule });
  }
  const made = await need(platform.url, 'createKey', { params: { org: 'b' }, body: { name: 'k' } });
  theirs['key'] = made['id'] as string;
  const scopes = ['org-admin', 'inference', 'usage'];
  const admin = await need(platform.url, 'createKey', { params: { org: 'a' }, body: { name: 'k', scopes } });
  key = admin['secret'] as string;
});
afterAll(async () => {
  await platform.stop();
  await database.close();
});

/** All of organisation b that can change. */
async function state(): Promise<unknown> {
  const params = { org: 'b' };
  const lists = ['getOrg', 'listUsers', 'listKeys', 'listRules'].map((id) => need(platform.url, id, { params }));
  const log = await need(platform.url, 'listAudit', { query: { org: 'b' } });
  // That a key was used is noted by the minute, and is nothing that was changed.
  return JSON.parse(
    JSON.stringify([await Promise.all(lists), log], (name, value: unknown) => (name === 'last_used_at' ? null : value)),
  );
}

describe('an administrator of one organisation', () => {
  const ids = (scope: string) => adminOperations.filter((operation) => operation.scope === scope).map(({ id }) => id);

  it.each(ids('org-admin').filter((id) => !ofNobody.includes(id)))(
    'is told by %s that another one does not exist',
    async (id) => {
      const { query } = operationOf(id);
      const asked = { key, params: theirs, body: bodies[id], ...('org' in query.shape && { query: { org: 'b' } }) };
      const before = await state();
      const answer = await ask(platform.url, id, asked);
      expect(problem(answer)).toMatchObject({ status: 404, code: 'not_found' });
      expect(await state()).toEqual(before);

      const nowhere = Object.fromEntries(Object.keys(theirs).map((name) => [name, 'nowhere']));
      const query2 = 'org' in query.shape ? { query: { org: 'nowhere' } } : {};
      const absent = await ask(platform.url, id, { ...asked, params: nowhere, ...query2 });
      const told = (message: unknown) => String(message).replaceAll(/'(b|nowhere)'/g, '…');
      expect(told(problem(absent)['message'])).toBe(told(problem(answer)['message']));
    },
  );

  it.each(ids('admin'))('may not %s', async (id) => {
    const answer = await ask(platform.url, id, { key, params: theirs, body: bodies[id] });
    expect(problem(answer)).toMatchObject({ status: 403, code: 'permission_denied' });
  });

  it('sees its own organisation alone in lists', async () => {
    const orgs = await need(platform.url, 'listOrgs', { key });
    expect(orgs['data']).toEqual([expect.objectContaining({ id: 'a' })]);
    const { data } = (await need(platform.url, 'listAudit', { key })) as { data: { org: string }[] };
    expect(new Set(data.map(({ org }) => org))).toEqual(new Set(['a']));
    expect(await need(platform.url, 'testRule', { key, body: bodies['testRule'] })).toMatchObject({ matches: [true] });
  });

  it.each(['listRules', 'putRule', 'deleteRule'])('does not reach by %s the rules that hold for all', async (id) => {
    const params = { org: '*', rule: 'r1' };
    expect(problem(await ask(platform.url, id, { key, params, body: bodies[id] }))).toMatchObject({ status: 404 });
    expect(await need(platform.url, 'listRules', { params })).toMatchObject({ data: [] });
  });

  it('makes no key that may more than itself, and does not get hold of one', async () => {
    const params = { org: 'a' };
    const body = { name: 'k', scopes: ['admin'] };
    const refused = await ask(platform.url, 'createKey', { key, params, body });
    expect(problem(refused)).toMatchObject({ status: 403, param: 'scopes' });
    const platforms = await need(platform.url, 'createKey', { params, body });
    for (const id of ['rotateKey', 'revokeKey', 'updateKey']) {
      const asked = { key, params: { key: platforms['id'] as string }, body: bodies[id] };
      expect(problem(await ask(platform.url, id, asked))).toMatchObject({ status: 403 });
    }
  });
});

it('a key without a scope for it gets nothing of the admin API', async () => {
  const made = await need(platform.url, 'createKey', { params: { org: 'a' }, body: { name: 'k' } });
  for (const { id } of adminOperations) {
    const answer = await ask(platform.url, id, { key: made['secret'] as string, params: theirs, body: bodies[id] });
    expect(problem(answer)).toMatchObject({ status: 403, code: 'permission_denied' });
  }
});
