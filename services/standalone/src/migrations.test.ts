import { openDatabase } from '@flotilla/database';
import { expect, it } from '@jest/globals';
import { migrateAll } from './migrations.ts';

it('makes the schemas of all services, and finds nothing to do the second time', async () => {
  const database = await openDatabase('pglite://memory');
  try {
    const first = await migrateAll(database);
    expect(first.map(({ schema }) => schema)).toEqual(['gateway', 'orchestrator', 'rag', 'router', 'limits']);
    expect(first.every(({ applied }) => applied.length > 0)).toBe(true);
    expect((await migrateAll(database)).flatMap(({ applied }) => applied)).toEqual([]);
  } finally {
    await database.close();
  }
});
