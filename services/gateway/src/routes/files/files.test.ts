import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { devKey, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
let openai: OpenAI;
beforeAll(async () => {
  platform = await startPlatform({ fileLimit: 64 });
  openai = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: devKey, maxRetries: 0 });
});
afterAll(() => platform.stop());

const upload = async (name: string, content: string | Buffer) =>
  openai.files.create({ file: await toFile(Buffer.from(content), name), purpose: 'assistants' });

describe('files and vector stores, with the official client', () => {
  it('go from an upload to a search and away again', async () => {
    const file = await upload('a.txt', 'The harbour opens at six.');
    expect(file).toMatchObject({
      object: 'file',
      filename: 'a.txt',
      bytes: 25,
      purpose: 'assistants',
      status: 'processed',
    });
    expect((await openai.files.retrieve(file.id)).id).toBe(file.id);

    const store = await openai.vectorStores.create({ name: 'port' });
    expect(store).toMatchObject({ object: 'vector_store', name: 'port', status: 'completed' });
    const added = await openai.vectorStores.files.createAndPoll(store.id, { file_id: file.id });
    expect(added).toMatchObject({ status: 'completed', vector_store_id: store.id, last_error: null });
    expect((await openai.vectorStores.retrieve(store.id)).id).toBe(store.id);

    const found = await openai.vectorStores.search(store.id, { query: 'When does it open?' });
    expect(found.data).toMatchObject([{ file_id: file.id, filename: 'a.txt', content: [{ type: 'text' }] }]);

    expect(await openai.vectorStores.delete(store.id)).toMatchObject({ deleted: true });
    expect(await openai.files.delete(file.id)).toMatchObject({ deleted: true });
  });

  it('are listed page by page, newest first', async () => {
    const ids: string[] = [];
    for (const name of ['1.txt', '2.txt', '3.txt']) ids.unshift((await upload(name, name)).id);
    const seen: string[] = [];
    for await (const { id } of openai.files.list({ limit: 2 })) seen.push(id);
    expect(seen).toEqual(ids);
    const oldest = await openai.files.list({ limit: 1, order: 'asc' });
    expect(oldest.data[0]!.id).toBe(ids.at(-1));
  });

  it.each([
    ['is not text', Buffer.from([0xff, 0xfe, 0x41]), 400, 'invalid_request'],
    ['holds zero bytes', Buffer.from('a\0b'), 400, 'invalid_request'],
    ['is empty', Buffer.alloc(0), 400, 'invalid_request'],
    ['is too large', Buffer.alloc(65, 'a'), 413, 'err_payload_too_large'],
  ])('are refused when one %s', async (_what, content, status, code) => {
    await expect(upload('b.bin', content)).rejects.toMatchObject({ status, code });
  });
});

describe('a conversation', () => {
  it('is shown with its turns, to the organisation of the key', async () => {
    const response = await fetch(`${platform.url}/v1/conversations/c1`, { headers: { 'api-key': devKey } });
    expect(await response.json()).toMatchObject({
      id: 'c1',
      object: 'conversation',
      turns: [
        {
          id: 'turn_1',
          messages: [
            { role: 'user', content: 'Hi' },
            { role: 'assistant', content: 'Hello default' },
          ],
        },
      ],
    });
  });
});
