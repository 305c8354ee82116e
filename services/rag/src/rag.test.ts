import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rag, router, type common } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import { FlotillaError, type Service } from '@flotilla/kernel';
import { createMemoryNetwork, type Client, type RpcNetwork } from '@flotilla/rpc';
import { describeWith, startPostgres } from '@flotilla/testkit';
import { ragDefaults } from './config.ts';
import { createRag } from './rag.ts';

const caller = (orgId: string): common.Caller => ({
  ...{ requestId: 'r', orgId, userId: '', keyId: 'k', tier: 'dev', models: [] },
});
const utf8 = (text: string) => Buffer.from(text);

const penguins = `# Emperor penguins
Emperor penguins breed on the sea ice of Antarctica. The males incubate the single egg on their feet for 64 days.
# Diet
They dive to 500 metres for krill and squid.`;
const espresso = `Espresso is brewed by forcing hot water at nine bars of pressure through finely ground coffee.`;

function suite(open: () => Promise<{ database: Database; close(): Promise<void> }>) {
  let opened: Awaited<ReturnType<typeof open>>;
  let rpc: RpcNetwork;
  let service: Service;
  let client: Client<typeof rag.RagDefinition>;
  let organisations = 0;
  const newCaller = () => caller(`org_${(organisations += 1)}`);
  /** What the router's Embed does now. */
  let embed: (inputs: string[]) => router.EmbedResponse | Promise<router.EmbedResponse>;
  const noModel = () => {
    throw new FlotillaError('model_not_found');
  };

  beforeAll(async () => {
    opened = await open();
    rpc = createMemoryNetwork();
    rpc.serve(router.RouterDefinition, {
      embed: async ({ inputs }) => embed(inputs),
      listModels: async () => ({ models: [] }),
      async *generate() {
        throw new FlotillaError('internal');
      },
    });
    service = createRag(ragDefaults, { rpc, database: opened.database });
    await service.start();
    await rpc.listen();
    client = rpc.client(rag.RagDefinition);
    embed = noModel;
  });
  afterAll(async () => {
    await service.stop();
    await rpc.close();
    await opened.close();
  });

  const store = async (by: common.Caller, ...texts: string[]) => {
    const { id } = await client.createStore({ caller: by, name: 'docs' });
    const files: string[] = [];
    for (const text of texts) files.push(await addText(by, id, text));
    return { id, files };
  };
  const addText = async (by: common.Caller, storeId: string, text: string) => {
    const { id } = await client.createFile({
      caller: by,
      filename: 'a.md',
      purpose: 'assistants',
      content: utf8(text),
    });
    expect(await client.addFileToStore({ caller: by, storeId, fileId: id })).toMatchObject({ status: 'completed' });
    return id;
  };
  const retrieve = (by: common.Caller, query: string, storeIds: string[] = [], limit = 0) =>
    client.retrieve({ caller: by, query, storeIds, limit });

  it('agrees with the Prisma schema', async () => {
    await expectPrismaAgrees(opened.database, {
      schema: 'rag',
      prismaSchema: new URL('../prisma/schema.prisma', import.meta.url).pathname,
    });
  });

  it('finds the passage that answers, with where it is from', async () => {
    const by = newCaller();
    const { id, files } = await store(by, espresso, penguins);
    const { passages, vectorsUsed } = await retrieve(by, 'How long does the penguin male incubate its egg?');
    expect(vectorsUsed).toBe(true);
    expect(passages[0]).toMatchObject({ number: 1, storeId: id, documentId: files[1], filename: 'a.md', chunk: 0 });
    expect(passages[0]!.text).toContain('64 days');
    expect(passages.map(({ number }) => number)).toEqual(passages.map((_, i) => i + 1));
  });

  it('keeps what it is told about files and stores', async () => {
    const by = newCaller();
    const { id, files } = await store(by, penguins);
    expect(await client.listStores({ caller: by })).toMatchObject({
      stores: [{ id, name: 'docs', fileCount: 1, bytes: penguins.length }],
    });
    expect(await client.listStoreFiles({ caller: by, storeId: id })).toMatchObject({
      files: [{ storeId: id, fileId: files[0], status: 'completed', chunks: 1, error: '' }],
    });
    const file = { id: files[0], filename: 'a.md', purpose: 'assistants', bytes: penguins.length };
    expect(await client.getFile({ caller: by, fileId: files[0]! })).toMatchObject(file);
    expect(await client.listFiles({ caller: by })).toMatchObject({ files: [file] });
  });

  it('adds a file to a store once, however often and at once it is asked', async () => {
    const by = newCaller();
    const { id } = await store(by);
    const file = await client.createFile({ caller: by, filename: '', purpose: '', content: utf8(penguins) });
    const add = () => client.addFileToStore({ caller: by, storeId: id, fileId: file.id });
    const answers = await Promise.all([add(), add(), add()]);
    expect(answers[1]).toEqual(answers[0]);
    expect(await add()).toEqual(answers[0]);
    expect((await retrieve(by, 'penguins')).passages).toHaveLength(1);
    const [{ count }] = (await opened.database.query<{ count: number }>(
      'select count(*)::int from rag.documents where org_id = $1',
      [by.orgId],
    )) as [{ count: number }];
    expect(count).toBe(1);
  });

  it('finds nothing any more of a file or a store that was deleted', async () => {
    const by = newCaller();
    const { id, files } = await store(by, penguins, espresso);
    expect((await retrieve(by, 'krill')).passages.length).toBeGreaterThan(0);
    expect(await client.deleteFile({ caller: by, fileId: files[0]! })).toEqual({ deleted: true });
    expect((await retrieve(by, 'krill squid')).passages.map(({ documentId }) => documentId)).not.toContain(files[0]);
    await client.deleteStore({ caller: by, storeId: id });
    expect((await retrieve(by, 'espresso')).passages).toEqual([]);
    await expect(retrieve(by, 'espresso', [id])).rejects.toMatchObject({ code: 'not_found' });
    expect(await client.getFile({ caller: by, fileId: files[1]! })).toMatchObject({ id: files[1] });
    await expect(client.deleteFile({ caller: by, fileId: files[0]! })).rejects.toMatchObject({ code: 'not_found' });
    await expect(client.deleteStore({ caller: by, storeId: id })).rejects.toMatchObject({ code: 'not_found' });
  });

  it("never shows one organisation another's: not in lists, not by id, not in passages", async () => {
    const [by, stranger] = [newCaller(), newCaller()];
    const { id, files } = await store(by, penguins);
    const own = await store(stranger, espresso);
    const { passages } = await retrieve(stranger, 'Emperor penguins breed on the sea ice of Antarctica');
    expect(passages.every(({ documentId }) => documentId === own.files[0])).toBe(true);
    const notFound = { code: 'not_found' };
    await expect(retrieve(stranger, 'penguins', [id])).rejects.toMatchObject(notFound);
    await expect(retrieve(stranger, 'penguins', [own.id, id])).rejects.toMatchObject(notFound);
    await expect(client.getFile({ caller: stranger, fileId: files[0]! })).rejects.toMatchObject(notFound);
    await expect(client.deleteFile({ caller: stranger, fileId: files[0]! })).rejects.toMatchObject(notFound);
    await expect(client.deleteStore({ caller: stranger, storeId: id })).rejects.toMatchObject(notFound);
    await expect(client.listStoreFiles({ caller: stranger, storeId: id })).rejects.toMatchObject(notFound);
    const pairs = [
      { storeId: id, fileId: own.files[0]! },
      { storeId: own.id, fileId: files[0]! },
    ];
    for (const pair of pairs) {
      await expect(client.addFileToStore({ caller: stranger, ...pair })).rejects.toMatchObject(notFound);
    }
    expect((await client.listFiles({ caller: stranger })).files.map((file) => file.id)).toEqual(own.files);
    expect((await client.listStores({ caller: stranger })).stores.map((each) => each.id)).toEqual([own.id]);
  });

  it('searches the stores it is told to', async () => {
    const by = newCaller();
    const one = await store(by, penguins);
    const other = await store(by, penguins);
    const found = await retrieve(by, 'krill', [other.id]);
    expect(new Set(found.passages.map(({ storeId }) => storeId))).toEqual(new Set([other.id]));
    const both = await retrieve(by, 'krill', [one.id, other.id, one.id]);
    expect(new Set(both.passages.map(({ storeId }) => storeId))).toEqual(new Set([one.id, other.id]));
  });

  it('returns four passages, or as many as are asked for up to fifty, in the same order every time', async () => {
    const by = newCaller();
    await store(by, ...Array.from({ length: 60 }, () => 'The very same text about krill.'));
    const first = await retrieve(by, 'krill');
    expect(first.passages).toHaveLength(4);
    expect(await retrieve(by, 'krill')).toEqual(first);
    expect((await retrieve(by, 'krill', [], 7)).passages).toHaveLength(7);
    expect((await retrieve(by, 'krill', [], 1_000)).passages).toHaveLength(50);
  });

  it('shows to a second replica at once what the first took in, and after a restart what there was', async () => {
    const by = newCaller();
    const { id, files } = await store(by, penguins);
    const elsewhere = createMemoryNetwork();
    const second = createRag(ragDefaults, { rpc: elsewhere, database: opened.database });
    await second.start();
    const other = elsewhere.client(rag.RagDefinition);
    const ask = (query: string) => other.retrieve({ caller: by, query, storeIds: [], limit: 0 });
    expect((await ask('krill')).passages[0]!.documentId).toBe(files[0]);
    const added = await addText(by, id, espresso);
    expect((await ask('espresso pressure')).passages[0]!.documentId).toBe(added);
    await client.deleteFile({ caller: by, fileId: added });
    expect((await ask('espresso pressure')).passages.map(({ documentId }) => documentId)).not.toContain(added);
    await second.stop();
  });

  describe('with an embedding model', () => {
    const answer = (inputs: string[], model = 'bge') => ({
      ...{ model, usage: undefined, price: undefined },
      embeddings: inputs.map((text) => ({ values: text.includes('krill') || text.includes('food') ? [1, 0] : [0, 1] })),
    });

    it('uses it, so that words need not meet; and words alone when it does not answer the question', async () => {
      const by = newCaller();
      embed = answer;
      const { files } = await store(by, espresso, 'They dive for krill and squid.');
      expect(await retrieve(by, 'food')).toMatchObject({ vectorsUsed: true, passages: [{ documentId: files[1] }] });
      embed = noModel;
      expect(await retrieve(by, 'something to eat')).toEqual({ vectorsUsed: false, passages: [] });
      expect(await retrieve(by, 'squid')).toMatchObject({ vectorsUsed: false, passages: [{ documentId: files[1] }] });
      embed = (inputs) => answer(inputs, 'other');
      expect(await retrieve(by, 'espresso')).toMatchObject({
        vectorsUsed: false,
        passages: [{ documentId: files[0] }],
      });
    });

    it('does not mix embedders in a store: a file waits until the store has its model back', async () => {
      const by = newCaller();
      embed = answer;
      const { id } = await store(by, espresso);
      embed = noModel;
      const file = await client.createFile({ caller: by, filename: 'b', purpose: '', content: utf8(penguins) });
      const request = { caller: by, storeId: id, fileId: file.id };
      await expect(client.addFileToStore(request)).rejects.toMatchObject({ code: 'unavailable' });
      expect((await client.listStoreFiles({ caller: by, storeId: id })).files).toHaveLength(1);
      embed = answer;
      expect(await client.addFileToStore(request)).toMatchObject({ status: 'completed' });
      embed = noModel;
    });

    it('gives up on a slow embedding in time to answer by words', async () => {
      const by = newCaller();
      embed = answer;
      await store(by, espresso);
      embed = () => new Promise(() => undefined);
      const answered = await client.retrieve(
        { caller: by, query: 'espresso', storeIds: [], limit: 0 },
        { timeoutMs: 5_000 },
      );
      expect(answered).toMatchObject({ vectorsUsed: false, passages: [{ number: 1 }] });
      embed = noModel;
    });
  });

  describe('refuses', () => {
    const create = (content: Buffer, filename = 'a') =>
      client.createFile({ caller: newCaller(), filename, purpose: '', content });

    it.each([
      ['what is not UTF-8', () => create(Buffer.of(0xff, 0xfe)), 'invalid_request'],
      ['NUL', () => create(utf8('a\0b')), 'invalid_request'],
      [
        'a file that is too large',
        () => create(Buffer.alloc(ragDefaults.maxFileBytes + 1, 97)),
        'err_payload_too_large',
      ],
      ['a name with control characters', () => create(utf8('a'), 'a\nb'), 'invalid_request'],
      ['a name without end', () => create(utf8('a'), 'a'.repeat(256)), 'invalid_request'],
      ['an empty question', () => retrieve(newCaller(), ' \n'), 'invalid_request'],
      ['a caller without an organisation', () => retrieve(caller(''), 'x'), 'invalid_request'],
    ])('%s', async (_what, call, code) => {
      await expect(call()).rejects.toMatchObject({ code });
    });

    it('to call a file without text indexed, and says why', async () => {
      const by = newCaller();
      const { id } = await store(by);
      const file = await client.createFile({ caller: by, filename: 'empty', purpose: '', content: utf8(' \n ') });
      const added = await client.addFileToStore({ caller: by, storeId: id, fileId: file.id });
      expect(added).toMatchObject({ status: 'failed', chunks: 0, error: 'The file holds no text.' });
      expect(await client.addFileToStore({ caller: by, storeId: id, fileId: file.id })).toMatchObject({
        status: 'failed',
      });
      expect((await client.listStoreFiles({ caller: by, storeId: id })).files).toHaveLength(1);
    });
  });

  it('stops when the caller leaves, and leaves nothing half done', async () => {
    const by = newCaller();
    const { id } = await store(by);
    const file = await client.createFile({ caller: by, filename: 'long', purpose: '', content: utf8(longText(300)) });
    const leaving = new AbortController();
    embed = async (inputs) => {
      leaving.abort();
      await new Promise((resolve) => setImmediate(resolve));
      return { model: 'm', usage: undefined, price: undefined, embeddings: inputs.map(() => ({ values: [1] })) };
    };
    const adding = client.addFileToStore({ caller: by, storeId: id, fileId: file.id }, { signal: leaving.signal });
    await expect(adding).rejects.toMatchObject({ code: 'cancelled' });
    embed = noModel;
    expect((await retrieve(by, 'word')).passages).toEqual([]);
    expect(await client.listStoreFiles({ caller: by, storeId: id })).toEqual({ files: [] });
  });
}

function longText(sentences: number): string {
  return Array.from(
    { length: sentences },
    (_, i) => `Sentence ${i} has a word or two about thing number ${i * 7}.`,
  ).join(' ');
}

describe('rag on PGlite', () => {
  suite(async () => {
    const database = await openDatabase('pglite://memory');
    return { database, close: () => database.close() };
  });
});

describeWith(['postgres'], 'rag on PostgreSQL', () => {
  suite(async () => {
    const server = await startPostgres();
    const database = await openDatabase(server.url);
    return {
      database,
      async close() {
        await database.close();
        await server.stop();
      },
    };
  });
});
