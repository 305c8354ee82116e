import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { devKey, startPlatform, type Platform } from '../../platform.fixture.ts';
import { adminApiDocument } from './admin.ts';
import { ask, need, problem, type Asked } from './admin.fixture.ts';

let database: Database;
let platform: Platform;
/** Started by single tests. */
const others: Platform[] = [];
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  platform = await startPlatform({}, { database });
  await make('createOrg', { body: { id: 'acme', name: 'Acme', tier: 'dev' } });
});
afterAll(async () => {
  await Promise.all([platform, ...others].map((each) => each.stop()));
  await database.close();
});

const make = (id: string, asked?: Asked) => need(platform.url, id, asked);
const refused = async (id: string, asked: Asked) => problem(await ask(platform.url, id, asked));
const acme = { org: 'acme' };

/** The status of a request that any key of the platform may make. */
async function statusWith(key: unknown): Promise<number> {
  const response = await fetch(`${platform.url}/v1/models`, { headers: { authorization: `Bearer ${String(key)}` } });
  await response.text();
  return response.status;
}

describe('organisations', () => {
  it('are made, read, changed and listed by pages', async () => {
    const made = await ask(platform.url, 'createOrg', { body: { id: 'page-1', name: 'One', tier: 'dev' } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ object: 'org', id: 'page-1', name: 'One', tier: 'dev', disabled_at: null });
    await make('createOrg', { body: { id: 'page-2', name: 'Two', tier: 'dev' } });
    const limits = { requests_per_minute: 5 };
    const params = { org: 'page-1' };
    expect(await make('updateOrg', { params, body: { limits } })).toMatchObject({ name: 'One', limits });
    expect(await make('getOrg', { params })).toMatchObject({ limits });

    const seen: unknown[] = [];
    for (let after = ''; ;) {
      const page = await make('listOrgs', { query: { limit: '1', ...(after !== '' && { after }) } });
      expect(page['data']).toHaveLength(1);
      seen.push(page['last_id']);
      if (!page['has_more']) break;
      after = page['last_id'] as string;
    }
    expect(seen).toEqual(expect.arrayContaining(['acme', 'page-1', 'page-2']));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('are refused once only: a second one with the id is a conflict', async () => {
    expect(await refused('createOrg', { body: { id: 'acme', name: 'Again', tier: 'dev' } })).toMatchObject({
      ...{ status: 409, code: 'in_the_way', param: 'id' },
    });
  });

  it('lock out every key of theirs while they are disabled', async () => {
    const org = 'locked';
    await make('createOrg', { body: { id: org, name: 'Locked', tier: 'dev' } });
    const { secret } = await make('createKey', { params: { org }, body: { name: 'k' } });
    expect(await statusWith(secret)).toBe(200);
    await make('updateOrg', { params: { org }, body: { disabled: true } });
    expect(await statusWith(secret)).toBe(403);
    await make('updateOrg', { params: { org }, body: { disabled: false } });
    expect(await statusWith(secret)).toBe(200);
  });
});

describe('users', () => {
  it('are made, changed, disabled and listed', async () => {
    const params = { ...acme, user: 'ann' };
    await make('createUser', { params: acme, body: { id: 'ann', name: 'Ann' } });
    await make('updateUser', { params, body: { disabled: true } });
    expect(await make('getUser', { params })).toMatchObject({
      org: 'acme',
      name: 'Ann',
      disabled_at: expect.any(Number),
    });
    expect(await make('listUsers', { params: acme })).toMatchObject({ data: [{ id: 'ann' }], has_more: false });
    expect(await refused('getUser', { params: { ...acme, user: 'bob' } })).toMatchObject({ status: 404 });
  });
});

describe('keys', () => {
  it('are shown once, and never kept by anything on the way', async () => {
    const made = await ask(platform.url, 'createKey', {
      params: acme,
      body: { name: 'once', expires_at: 4_000_000_000 },
    });
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { id, secret, prefix } = made.body as Record<string, string>;
    expect(secret).toMatch(/^sk-fl-\w{32}$/);
    expect(secret!.startsWith(prefix!)).toBe(true);
    expect(await statusWith(secret)).toBe(200);
    const known = await make('getKey', { params: { key: id! } });
    expect(known).toMatchObject({ object: 'key', id, name: 'once', org: 'acme', expires_at: 4_000_000_000 });
    const listed = await make('listKeys', { params: acme });
    const log = await make('listAudit', { query: acme });
    expect(JSON.stringify([known, listed, log])).not.toContain(secret);
  });

  it('are rotated with an overlap, and without one', async () => {
    const first = await make('createKey', { params: acme, body: { name: 'k', models: ['m'] } });
    const second = await make('rotateKey', { params: { key: first['id'] as string } });
    expect(second).toMatchObject({ name: 'k', models: ['m'] });
    expect(await Promise.all([first, second].map(({ secret }) => statusWith(secret)))).toEqual([200, 200]);
    expect(await make('getKey', { params: { key: first['id'] as string } })).toMatchObject({
      replaced_by: second['id'],
    });
    const third = await make('rotateKey', { params: { key: second['id'] as string }, body: { overlap_seconds: 0 } });
    expect(await Promise.all([second, third].map(({ secret }) => statusWith(secret)))).toEqual([401, 200]);
  });

  it('are revoked at once', async () => {
    const { id, secret } = await make('createKey', { params: acme, body: { name: 'k' } });
    expect(await statusWith(secret)).toBe(200);
    const params = { key: id as string };
    expect(await make('revokeKey', { params })).toMatchObject({ revoked_at: expect.any(Number) });
    expect(await statusWith(secret)).toBe(401);
    expect((await ask(platform.url, 'revokeKey', { params })).status).toBe(200);
    expect(await refused('rotateKey', { params })).toMatchObject({ status: 409 });
  });

  it('keep what a change does not name', async () => {
    const body = { name: 'k', scopes: ['usage'], models: ['m'], limits: { requests_per_minute: 3 } };
    const { id } = await make('createKey', { params: acme, body });
    const params = { key: id as string };
    expect(await make('updateKey', { params, body: { name: 'other', expires_at: 4_000_000_000 } })).toMatchObject({
      ...{ ...body, name: 'other', expires_at: 4_000_000_000, tier: null },
    });
    expect(await make('updateKey', { params, body: { expires_at: null, models: null } })).toMatchObject({
      ...{ name: 'other', expires_at: null, models: null, scopes: ['usage'] },
    });
  });
});

describe('tiers', () => {
  it('override those of the file, and leave them in force again when they are deleted', async () => {
    const params = { tier: 'dev' };
    expect(await make('getTier', { params })).toMatchObject({ source: 'file' });
    const body = { requests_per_minute: 77, org: { tokens_per_week: 1_000 } };
    expect(await make('putTier', { params, body })).toMatchObject({ source: 'database', definition: body });
    expect(await make('listTiers')).toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ name: 'dev', source: 'database' })]),
    });
    expect(await make('deleteTier', { params })).toEqual({ object: 'tier', id: 'dev', deleted: true });
    expect(await make('getTier', { params })).toMatchObject({ source: 'file' });
    expect(await refused('deleteTier', { params })).toMatchObject({ status: 404 });
  });
});

describe('content rules', () => {
  const rule = { kind: 'block', pattern: '(?i)project x', message: 'We do not speak of it.' };

  it('are put, listed and deleted', async () => {
    const params = { ...acme, rule: 'r1' };
    expect(await make('putRule', { params, body: rule })).toMatchObject({
      ...rule,
      id: 'r1',
      org: 'acme',
      enabled: true,
    });
    expect(await make('listRules', { params: acme })).toMatchObject({ data: [{ id: 'r1' }] });
    expect(await make('deleteRule', { params })).toEqual({ object: 'rule', id: 'r1', deleted: true });
    expect(await refused('deleteRule', { params })).toMatchObject({ status: 404, message: "There is no rule 'r1'." });
    expect(await make('listRules', { params: { org: '*' } })).toMatchObject({ data: [] });
  });

  it('are tried before they are saved', async () => {
    const body = { pattern: rule.pattern, samples: ['about Project X', 'about project y'] };
    expect(await make('testRule', { body })).toMatchObject({ refused: null, matches: [true, false] });
    const backtracking = await make('testRule', { body: { ...body, pattern: '(a)\\1' } });
    expect(backtracking).toMatchObject({ refused: expect.any(String), matches: [] });
    const refusal = await refused('putRule', { params: { ...acme, rule: 'r2' }, body: { ...rule, pattern: '(a)\\1' } });
    expect(refusal).toMatchObject({ status: 400, param: 'pattern' });
  });

  it('belong to an organisation that there is', async () => {
    const params = { org: 'nowhere', rule: 'r1' };
    expect(await refused('putRule', { params, body: rule })).toMatchObject({ status: 404 });
  });
});

describe('the audit log', () => {
  it('tells who did what to what, the newest first, by pages', async () => {
    const { id } = await make('createKey', { params: acme, body: { name: 'seen' } });
    await make('updateKey', { params: { key: id as string }, body: { expires_at: 4_000_000_000 } });
    const page = await make('listAudit', { query: { ...acme, limit: '1' } });
    expect(page).toMatchObject({
      has_more: true,
      data: [
        {
          ...{
            action: 'key.update',
            org: 'acme',
            target: { kind: 'key', id },
            actor: { key: 'key_dev', org: 'default' },
          },
          change: { expires_at: 4_000_000_000 },
        },
      ],
    });
    const after = page['last_id'] as string;
    expect(await make('listAudit', { query: { ...acme, limit: '1', after } })).toMatchObject({
      data: [{ action: 'key.create', target: { id } }],
    });
  });
});

describe('what is not as it should be', () => {
  const cases: [string, string, Asked, object][] = [
    ['an unknown field', 'createOrg', { body: { name: 'x', colour: 'red' } }, { param: 'colour' }],
    ['an unknown limit', 'createOrg', { body: { name: 'x', limits: { rpm: 1 } } }, { param: 'limits.rpm' }],
    ['no name', 'createKey', { params: acme, body: {} }, { param: 'name' }],
    [
      'a scope nobody has',
      'createKey',
      { params: acme, body: { name: 'k', scopes: ['usage', 'root'] } },
      { param: 'scopes[1]' },
    ],
    [
      'a moment as text',
      'createKey',
      { params: acme, body: { name: 'k', expires_at: 'soon' } },
      { param: 'expires_at' },
    ],
    ['a tier nobody has', 'createOrg', { body: { name: 'x', tier: 'gold' } }, { param: 'tier' }],
    [
      'signing where it is off',
      'createKey',
      { params: acme, body: { name: 'k', require_signature: true } },
      { param: 'require_signature' },
    ],
    [
      'an overlap that is too long',
      'rotateKey',
      { params: { key: 'k' }, body: { overlap_seconds: 1e9 } },
      { param: 'overlap_seconds' },
    ],
    ['a page that is too long', 'listOrgs', { query: { limit: '1000' } }, { param: 'limit' }],
    ['an unknown parameter', 'listOrgs', { query: { page: '2' } }, { param: 'page' }],
    ['an array', 'createOrg', { body: [] }, { param: null }],
    ['a NUL character', 'createOrg', { body: { name: 'a\0b' } }, { param: 'name' }],
    ['a NUL character in the path', 'getUser', { params: { ...acme, user: '\0' } }, { param: 'user' }],
    [
      'half of a surrogate pair',
      'createKey',
      { params: acme, body: { name: 'k', models: ['m', '\ud800'] } },
      { param: 'models[1]' },
    ],
    [
      'a rule id with spaces',
      'putRule',
      { params: { ...acme, rule: 'a b' }, body: { kind: 'block', pattern: 'a', message: 'b' } },
      { param: 'id' },
    ],
  ];
  it.each(cases)('%s: 400 with the path of the field', async (_given, id, asked, expected) => {
    expect(await refused(id, asked)).toMatchObject({ status: 400, code: 'invalid_request', ...expected });
  });

  it('a body above 64 KiB is refused unread', async () => {
    const body = { name: 'x'.repeat(70_000) };
    expect(await refused('createOrg', { body })).toMatchObject({ status: 413, code: 'err_payload_too_large' });
  });

  it('a key that there is not', async () => {
    for (const id of ['getKey', 'revokeKey'])
      expect(await refused(id, { params: { key: 'key_0' } })).toMatchObject({ status: 404 });
  });
});

it('serves its own document', async () => {
  const response = await fetch(`${platform.url}/admin/api/openapi.json`, {
    headers: { authorization: `Bearer ${devKey}` },
  });
  expect(await response.json()).toEqual(adminApiDocument());
});

it('says 503 while the database is away, without a word of where it is, and goes on when it is back', async () => {
  let away = false;
  const unless = <T>(run: () => Promise<T>) =>
    away
      ? Promise.reject(
          new FlotillaError('unavailable', undefined, { cause: new Error('connect ECONNREFUSED 10.0.0.1') }),
        )
      : run();
  const flaky: Database = Object.assign(Object.create(database) as Database, {
    query: (sql: string, parameters?: readonly unknown[]) => unless(() => database.query(sql, parameters)),
    transaction: ((run) => unless(() => database.transaction(run))) satisfies Database['transaction'],
  });
  const over = await startPlatform({}, { database: flaky });
  others.push(over);
  expect((await ask(over.url, 'getOrg', { params: acme })).status).toBe(200);
  away = true;
  for (const id of ['getOrg', 'listKeys', 'createUser', 'listRules', 'listAudit']) {
    const answer = await ask(over.url, id, { params: acme, ...(id === 'createUser' && { body: { name: 'Eve' } }) });
    expect(problem(answer)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(JSON.stringify(answer.body)).not.toContain('10.0.0.1');
  }
  away = false;
  expect(JSON.stringify(await need(over.url, 'listUsers', { params: acme }))).not.toContain('Eve');
});

it('says of a gateway without a database that nothing can be changed there', async () => {
  const without = await startPlatform();
  others.push(without);
  expect(problem(await ask(without.url, 'listOrgs'))).toMatchObject({ status: 503, code: 'unavailable' });
});
