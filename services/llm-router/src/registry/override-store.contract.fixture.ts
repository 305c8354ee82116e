import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '@flotilla/database';
import { createFakeClock } from '@flotilla/testkit';
import { RouterDatabase } from '../router-database.ts';
import { DatabaseOverrideStore } from './override-store.database.ts';
import { override } from './registry.fixture.ts';

/** What every database keeps of overrides. */
export function overrideStoreContract(name: string, open: () => Database): void {
  describe(`overrides in ${name}`, () => {
    let database: RouterDatabase;
    let store: DatabaseOverrideStore;
    const fine = () => undefined;
    beforeEach(async () => {
      database = new RouterDatabase(async () => open(), createFakeClock());
      await database.start();
      await database.query('truncate router.overrides');
      store = new DatabaseOverrideStore({ database, clock: createFakeClock(), timeoutMs: 5_000 });
    });

    it('are kept as they were set, the oldest first, one of a kind and name', async () => {
      const first = override('model', 'm', { price: null, targets: [{ provider: 'a' }], n: 1.5 }, 1_000);
      const second = override('setting', 'profile', 'production', 2_000);
      const hidden = override('provider', 'p', null, 3_000);
      for (const one of [first, second, hidden]) await store.put(one, fine);
      expect(await store.list()).toEqual([first, second, hidden]);
      const anew = override('model', 'm', { description: 'ü "quoted"' }, 4_000);
      expect(await store.put(anew, fine)).toEqual([second, hidden, anew]);
      expect(await store.remove(second, fine)).toEqual([hidden, anew]);
      expect(await store.remove(second, fine)).toBeUndefined();
      expect(await store.list()).toEqual([hidden, anew]);
    });

    it('stay as they are when the check throws; it is shown what would be and what is', async () => {
      const [one, two] = [override('model', 'm', {}, 1), override('model', 'n', {}, 2)];
      await store.put(one, fine);
      const seen: unknown[] = [];
      const refuse = (...given: unknown[]) => {
        seen.push(given);
        throw new Error('no');
      };
      await expect(store.put(two, refuse)).rejects.toThrow('no');
      await expect(store.remove(one, refuse)).rejects.toThrow('no');
      expect(seen).toEqual([
        [[one, two], [one]],
        [[], [one]],
      ]);
      expect(await store.list()).toEqual([one]);
    });

    it('of many writers at once are each checked against those before', async () => {
      const seen: number[] = [];
      const put = (at: number) =>
        store.put(override('model', `m${at}`, {}, at), (next, before) => seen.push(before.length, next.length));
      await Promise.all([1, 2, 3, 4].map(put));
      expect(seen).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
    });

    it('of a kind that a later release knows are passed over', async () => {
      await database.query(
        `insert into router.overrides (kind, name, definition, updated_at, updated_by) values ('policy', 'p', '{}', now(), 'k')`,
      );
      expect(await store.list()).toEqual([]);
    });
  });
}
