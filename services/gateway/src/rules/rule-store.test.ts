import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus, rulesChanged } from '@flotilla/bus';
import { migrate, openDatabase, type Database } from '@flotilla/database';
import { liveValue, parsePlatformFile, systemRandom } from '@flotilla/kernel';
import { createFakeClock, until } from '@flotilla/testkit';
import path from 'node:path';
import { readChatBody } from '../chat/chat-body.ts';
import type { Actor } from '../directory/records.ts';
import { ContentRules } from './content-rules.ts';
import type { RuleInput } from './rule.ts';
import { RuleStore } from './rule-store.ts';

const actor: Actor = { keyId: 'key_1', userId: 'u', orgId: 'acme', scopes: new Set(['org-admin'] as const) };
const rule: RuleInput = { id: 'exams', kind: 'block', pattern: 'exam', message: 'No exams.', enabled: true };

let database: Database;
let store: RuleStore;
const announced: string[] = [];
const clock = createFakeClock();
const bus = createMemoryBus();
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  await migrate(database, { schema: 'gateway', folder: path.join(import.meta.dirname, '../../prisma/migrations') });
  await bus.subscribe(rulesChanged, ({ orgId }) => void announced.push(orgId));
  store = new RuleStore({ database, bus, clock, random: systemRandom });
});
beforeEach(async () => {
  await database.query('DELETE FROM gateway.content_rules');
  announced.length = 0;
});
afterAll(() => database.close());

const audit = () =>
  database.query<{ action: string; target_id: string }>(
    `SELECT action, target_id FROM gateway.audit_log WHERE target_kind = 'rule' ORDER BY id DESC LIMIT 2`,
  );

describe('a rule', () => {
  it('is kept, changed and deleted, each announced and in the audit log', async () => {
    const kept = await store.put(actor, 'acme', rule);
    expect(kept).toEqual({ ...rule, org: 'acme', createdAt: clock.now(), updatedAt: clock.now() });
    clock.advance(1_000);
    const changed = await store.put(actor, 'acme', { ...rule, enabled: false });
    expect(changed).toEqual({ ...kept, enabled: false, updatedAt: clock.now() });
    expect(await store.list('acme')).toEqual([changed]);
    expect(await store.delete(actor, 'acme', 'exams')).toBe(true);
    expect(await store.delete(actor, 'acme', 'exams')).toBe(false);
    expect(announced).toEqual(['acme', 'acme', 'acme']);
    expect(await audit()).toEqual([
      { action: 'rule.delete', target_id: 'exams' },
      { action: 'rule.put', target_id: 'exams' },
    ]);
  });

  it('is in force once it is kept, and no longer when it is deleted', async () => {
    const file = liveValue(parsePlatformFile(''));
    const rules = new ContentRules({ file, source: store, bus, clock, textLimit: 1_000 });
    await rules.start();
    const body = readChatBody({ model: 'm', messages: [{ role: 'user', content: 'the exam' }] });
    const kind = () => rules.apply('acme', body).kind;
    expect(kind()).toBe('pass');
    await store.put(actor, 'acme', rule);
    await until(() => kind() === 'blocked');
    await store.delete(actor, 'acme', 'exams');
    await until(() => kind() === 'pass');
    await rules.stop();
  });

  it('with a pattern that RE2 refuses is not kept', async () => {
    await expect(store.put(actor, 'acme', { ...rule, pattern: '(a)\\1' })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { param: 'pattern' },
    });
    expect(await store.load()).toEqual([]);
  });

  it('that would make the patterns too large together is not kept', async () => {
    for (let index = 0; index < 9; index += 1)
      await store.put(actor, 'acme', { ...rule, id: `r${index}`, pattern: `[a-z]{400}${index}` });
    await expect(store.put(actor, 'acme', { ...rule, pattern: '[a-z]{400}' })).rejects.toThrow('too large together');
    expect(await store.list('acme')).toHaveLength(9);
  });

  it('belongs to its organisation', async () => {
    await store.put(actor, 'acme', rule);
    await store.put(actor, '*', rule);
    expect(await store.list('globex')).toEqual([]);
    expect(await store.delete(actor, 'globex', 'exams')).toBe(false);
    expect((await store.load()).map(({ org }) => org)).toEqual(['*', 'acme']);
  });

  it('is one of 200 at most; those there are can still be changed', async () => {
    await database.query(
      `INSERT INTO gateway.content_rules (org_id, id, kind, pattern, message)
       SELECT 'acme', 'r' || n, 'block', 'x', 'y' FROM generate_series(1, 200) n`,
    );
    await expect(store.put(actor, 'acme', rule)).rejects.toThrow('200 content rules at most');
    expect((await store.put(actor, 'acme', { ...rule, id: 'r7' })).pattern).toBe('exam');
  });
});
