import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rag } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import type { Service } from '@flotilla/kernel';
import { createMemoryNetwork, type Client } from '@flotilla/rpc';
import fc from 'fast-check';
import { ragDefaults } from './config.ts';
import { createRag } from './rag.ts';

type Step =
  | { kind: 'add'; org: number; store: number; word: string }
  | { kind: 'delete file' | 'delete store'; org: number; which: number }
  | { kind: 'ask'; org: number; word: string };

const org = fc.integer({ min: 0, max: 1 });
const word = fc.constantFrom('krill', 'coffee', 'vacation');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), org, store: fc.nat({ max: 1 }), word }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete file' as const), org, which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete store' as const), org, which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), org, word }) },
);

describe('two organisations in one database', () => {
  let database: Database;
  let service: Service;
  let client: Client<typeof rag.RagDefinition>;
  let runs = 0;

  beforeAll(async () => {
    const rpc = createMemoryNetwork();
    database = await openDatabase('pglite://memory');
    // So few chunks in memory that they are read and dropped all the time.
    service = createRag({ ...ragDefaults, cachedChunks: 3 }, { rpc, database });
    await service.start();
    client = rpc.client(rag.RagDefinition);
  });
  afterAll(async () => {
    await service.stop();
    await database.close();
  });

  it('find all of their own that has the word, and never anything of the other or of what was deleted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        runs += 1;
        const callers = [0, 1].map((i) => ({
          ...{ requestId: 'r', orgId: `run${runs}-org${i}`, userId: '', keyId: 'k', tier: 't', models: [] },
        }));
        const stores: string[][] = [[], []];
        const files: { id: string; store: string; word: string }[][] = [[], []];
        for (const each of steps) {
          const caller = callers[each.org]!;
          const [own, put] = [stores[each.org]!, files[each.org]!];
          if (each.kind === 'add') {
            if (!own[each.store]) own.push((await client.createStore({ caller, name: 's' })).id);
            const store = own[each.store] ?? own[0]!;
            const content = Buffer.from(`Secret of ${caller.orgId} about ${each.word}.`);
            const { id } = await client.createFile({ caller, filename: 'f', purpose: '', content });
            await client.addFileToStore({ caller, storeId: store, fileId: id });
            put.push({ id, store, word: each.word });
          } else if (each.kind === 'delete file' && put.length > 0) {
            const [gone] = put.splice(each.which % put.length, 1);
            await client.deleteFile({ caller, fileId: gone!.id });
          } else if (each.kind === 'delete store' && own.length > 0) {
            const [gone] = own.splice(each.which % own.length, 1);
            await client.deleteStore({ caller, storeId: gone! });
            files[each.org] = put.filter(({ store }) => store !== gone);
          } else if (each.kind === 'ask') {
            const { passages } = await client.retrieve({ caller, query: each.word, storeIds: [], limit: 50 });
            const ids = new Set(passages.map(({ documentId }) => documentId));
            for (const { id, word } of put) if (word === each.word) expect(ids).toContain(id);
            for (const passage of passages) {
              expect(put.map(({ id }) => id)).toContain(passage.documentId);
              expect(passage.text).toContain(`Secret of ${caller.orgId} `);
            }
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});
