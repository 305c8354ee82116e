import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '@flotilla/database';
import { createFakeClock } from '@flotilla/testkit';
import type { AnswerStore } from './answer-store.ts';
import { PostgresAnswerStore } from './answer-store.postgres.ts';
import { prepareAnswers } from './cache.fixture.ts';
import type { AnswerRow, KeptAnswer } from './kept-answer.ts';

export function keptAnswer(content: string): KeptAnswer {
  const choice = {
    index: 0,
    role: 'assistant',
    content,
    reasoning: '',
    refusal: '',
    toolCalls: [],
    finishReason: 'stop',
  };
  return { provider: 'p', systemFingerprint: '', promptTokens: 1, completionTokens: 1, choices: [choice] };
}

/** What every store of answers does. */
export function answerStoreContract(name: string, open: () => Promise<Database>): void {
  describe(name, () => {
    const clock = createFakeClock();
    let database: Database;
    let store: AnswerStore;
    beforeAll(async () => {
      database = await open();
    }, 60_000);
    beforeEach(async () => {
      await prepareAnswers(database);
      store = new PostgresAnswerStore(database, clock);
    });
    afterAll(() => database.close());

    const row = (key: string, content: string, more: Partial<AnswerRow> = {}): AnswerRow => ({
      ...{ orgId: 'acme', key, near: undefined, model: 'm', text: JSON.stringify(keptAnswer(content)) },
      ...{ keptAt: clock.now(), expiresAt: clock.now() + 60_000, ...more },
    });
    const near = (scope: string, ...vector: number[]) => ({ near: { scope, vector } });
    const keep = (...rows: AnswerRow[]) => store.keep(rows, 10_000);
    const exact = async (key: string, orgId = 'acme') => (await store.exact(orgId, key))?.answer.choices[0]!.content;
    const nearest = async (scope: string, vector: number[], more: object = {}) =>
      (await store.nearest({ orgId: 'acme', scope, vector, threshold: 0.9, keptAfter: 0, ...more }))?.choices[0]!
        .content;

    it('gives back what it was given, whatever characters it holds', async () => {
      const odd = 'a\u0000b\ud800 “é” 日本 😀 \\u0000';
      await keep(row('k', odd));
      const found = await store.exact('acme', 'k');
      expect(found?.answer).toEqual(keptAnswer(odd));
      expect(found?.bytes).toBe(Buffer.byteLength(JSON.stringify(keptAnswer(odd))));
      expect(found?.expiresAt).toBe(clock.now() + 60_000);
      expect(await exact('other')).toBeUndefined();
    });

    it('keeps the later of two answers to the same, also of one write', async () => {
      await keep(row('k', 'one'), row('k', 'two'));
      expect(await exact('k')).toBe('two');
      await keep(row('k', 'three'));
      expect(await exact('k')).toBe('three');
    });

    it('gives nobody what is of another organisation, though the keys be the same', async () => {
      await keep(row('k', 'ours', near('s', 1, 0)), row('k', 'theirs', { orgId: 'rival', ...near('s', 1, 0) }));
      expect([await exact('k'), await exact('k', 'rival')]).toEqual(['ours', 'theirs']);
      expect(await nearest('s', [1, 0], { orgId: 'rival' })).toBe('theirs');
      expect(await nearest('s', [1, 0], { orgId: 'third' })).toBeUndefined();
    });

    it('gives nothing whose time is over, and sweeps it', async () => {
      await keep(row('old', 'old', { expiresAt: clock.now(), ...near('s', 1, 0) }), row('new', 'new'));
      expect(await exact('old')).toBeUndefined();
      expect(await nearest('s', [1, 0])).toBeUndefined();
      expect(await store.sweep()).toBe(1);
      expect(await store.sweep()).toBe(0);
      expect(await exact('new')).toBe('new');
    });

    it('finds the nearest of its scope, if it is near enough and young enough', async () => {
      await keep(row('a', 'a', near('s', 1, 0.3)), row('b', 'b', near('s', 1, 0.1)), row('c', 'c', near('t', 1, 0)));
      expect(await nearest('s', [1, 0])).toBe('b');
      expect(await nearest('s', [0, 1])).toBeUndefined();
      expect(await nearest('s', [1, 0], { threshold: 0.999 })).toBeUndefined();
      expect(await nearest('s', [1, 0.1], { threshold: 0.999 })).toBe('b');
      expect(await nearest('s', [1, 0], { keptAfter: clock.now() + 1 })).toBeUndefined();
      expect(await nearest('u', [1, 0])).toBeUndefined();
    });

    it('holds vectors of any length side by side', async () => {
      await keep(row('a', 'a', near('s2', 1, 0)), row('b', 'b', near('s3', 1, 0, 0)), row('c', 'c'));
      expect(await nearest('s3', [1, 0, 0])).toBe('b');
    });

    it('lets the oldest of an organisation go past its bound, and none of another', async () => {
      await keep(row('theirs', 'theirs', { orgId: 'rival', keptAt: 0 }));
      const rows = [3, 1, 2, 5, 4].map((n) => row(`k${n}`, `${n}`, { keptAt: n }));
      await store.keep(rows, 3);
      expect(await Promise.all([1, 2, 3, 4, 5].map((n) => exact(`k${n}`)))).toEqual([
        undefined,
        undefined,
        '3',
        '4',
        '5',
      ]);
      expect(await exact('theirs', 'rival')).toBe('theirs');
    });

    it('lets an organisation have a hundredth more for a while, and never beyond', async () => {
      const counts: number[] = [];
      for (let n = 0; n < 12; n += 1) {
        const rows = Array.from({ length: 50 }, (_, i) => row(`k${n} ${i}`, 'x', { keptAt: n * 50 + i }));
        await store.keep(rows, 400);
        const [count] = await database.query<{ n: number }>('select count(*)::int as n from router.answers');
        counts.push(count!.n);
      }
      for (let n = 0; n < 9; n += 1) await store.keep([row(`one ${n}`, 'x', { keptAt: 10_000 + n })], 400);
      const [count] = await database.query<{ n: number }>('select count(*)::int as n from router.answers');
      expect(Math.max(...counts)).toBe(400);
      expect(count!.n).toBeLessThanOrEqual(404);
    });

    it.each([
      [{ orgId: 'acme', model: 'm' }, 1_200, 3],
      [{ orgId: 'acme', model: '' }, 1_201, 2],
      [{ orgId: '', model: 'm' }, 1_201, 2],
      [{ orgId: '', model: '' }, 1_203, 0],
      [{ orgId: 'nobody', model: '' }, 0, 1_203],
    ])('purges %j and says how many it were', async (selection, gone, left) => {
      const many = Array.from({ length: 1_200 }, (_, n) => row(`k${n}`, 'x'));
      await keep(...many);
      await keep(row('n', 'x', { model: 'n' }));
      await keep(row('k', 'x', { orgId: 'rival' }), row('n', 'x', { orgId: 'rival', model: 'n' }));
      expect(await store.purge(selection)).toBe(gone);
      const [count] = await database.query<{ n: number }>('select count(*)::int as n from router.answers');
      expect(count!.n).toBe(left);
    });

    it('takes names that the database would refuse', async () => {
      await keep(row('k', 'x', { model: 'a\u0000b\ud800' }));
      expect(await store.purge({ orgId: '', model: 'a\u0000b\ud800' })).toBe(1);
    });
  });
}
