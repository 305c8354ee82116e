import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keysChanged } from '@flotilla/bus';
import { chat } from '@flotilla/contracts';
import { until } from '@flotilla/testkit';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { memoryKeyStore } from '../../access/key-store.fixture.ts';
import { choice, devKey, finished, says, saysAndWaits, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ maxChatsPerSocket: 2, maxSockets: 2, bodyLimit: 4_096 });
});
beforeEach(() => {
  platform.behind.chat = says('Hello', ' there');
});
afterAll(() => platform.stop());

const body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

interface Answer {
  id: string | null;
  type: 'chunk' | 'done' | 'error';
  data: { object: string; choices: { delta: { content?: string } }[] };
  error: { code: string; param: string | null };
}

async function open(protocols: string[] = [], headers: Record<string, string> = { authorization: `Bearer ${devKey}` }) {
  const socket = new WebSocket(`${platform.url.replace('http', 'ws')}/v1/chat/ws`, protocols, { headers });
  const answers: Answer[] = [];
  socket.on('message', (data) => answers.push(JSON.parse(String(data)) as Answer));
  await once(socket, 'open');
  return {
    socket,
    answers,
    send: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    end: (id: string) => until(() => answers.find((answer) => answer.id === id && answer.type !== 'chunk')),
    text: (id: string) =>
      answers
        .filter((answer) => answer.id === id && answer.type === 'chunk')
        .map(({ data }) => data.choices[0]?.delta.content ?? '')
        .join(''),
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** The HTTP answer to a handshake that is refused. */
async function refusal(headers: Record<string, string>, path = '/v1/chat/ws'): Promise<number> {
  const socket = new WebSocket(platform.url.replace('http', 'ws') + path, { headers });
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; destroy(): void },
  ];
  response.destroy();
  return response.statusCode;
}

describe('the chat socket', () => {
  it('carries several chats at once, each under the name the client gave it', async () => {
    const client = await open();
    client.send({ type: 'chat', id: 'a', body });
    client.send({ type: 'chat', id: 'b', body: { ...body, stream: false } });
    expect(await client.end('a')).toEqual({ id: 'a', type: 'done' });
    expect(await client.end('b')).toEqual({ id: 'b', type: 'done' });
    expect([client.text('a'), client.text('b')]).toEqual(['Hello there', 'Hello there']);
    expect(client.answers[0]!.data.object).toBe('chat.completion.chunk');
    await client.close();
  });

  it('refuses a chat with a key that was revoked since the connection was opened', async () => {
    const revoked = memoryKeyStore();
    const other = await startPlatform({}, { keyStore: revoked });
    const socket = new WebSocket(`${other.url.replace('http', 'ws')}/v1/chat/ws`, {
      headers: { authorization: `Bearer ${devKey}` },
    });
    const answers: Answer[] = [];
    socket.on('message', (data) => answers.push(JSON.parse(String(data)) as Answer));
    await once(socket, 'open');
    for (const [hash, record] of revoked.records) revoked.records.set(hash, { ...record, revokedAt: 1 });
    await other.bus.publish(keysChanged, { keyId: 'key_dev', orgId: 'default' });
    await until(() => {
      socket.send(JSON.stringify({ type: 'chat', id: `chat-${answers.length}`, body }));
      return answers.some(({ type, error }) => type === 'error' && error.code === 'invalid_api_key');
    });
    socket.close();
    await other.stop();
  });

  it('cancels one chat and leaves the other', async () => {
    const client = await open();
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    client.send({ type: 'chat', id: 'long', body });
    await waits.started;
    platform.behind.chat = says('still here');
    client.send({ type: 'chat', id: 'other', body });
    client.send({ type: 'cancel', id: 'long' });
    await waits.left;
    expect((await client.end('long')).error.code).toBe('cancelled');
    expect((await client.end('other')).type).toBe('done');
    await client.close();
  });

  it('takes the engines along when the client leaves', async () => {
    const client = await open();
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    client.send({ type: 'chat', id: 'a', body });
    await waits.started;
    client.socket.terminate();
    await waits.left;
  });

  it('says what is wrong with a message and goes on', async () => {
    const client = await open();
    client.send('{');
    await until(() => client.answers.length === 1);
    client.send({ type: 'chat', id: 'x', body: { ...body, messages: [] } });
    expect((await client.end('x')).error).toMatchObject({ code: 'invalid_request', param: 'messages' });
    client.send({ type: 'dance', id: 'y' });
    await until(() => client.answers.length === 3);
    expect(client.answers.map(({ error }) => error.code)).toEqual([
      'invalid_json',
      'invalid_request',
      'invalid_request',
    ]);
    client.send({ type: 'chat', id: 'z', body });
    expect((await client.end('z')).type).toBe('done');
    await client.close();
  });

  it('bounds the chats under way, and their names', async () => {
    const client = await open();
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    for (const id of ['a', 'b', 'c']) client.send({ type: 'chat', id, body });
    expect((await client.end('c')).error.code).toBe('overloaded');
    client.send({ type: 'chat', id: 'a', body });
    expect((await client.end('a')).error.code).toBe('in_the_way');
    await client.close();
    await waits.left;
  });

  it('ends a chat whose answer broke with an error, not with done', async () => {
    const client = await open();
    platform.behind.chat = async function* () {
      yield choice({ content: 'half' });
    };
    client.send({ type: 'chat', id: 'a', body });
    expect((await client.end('a')).error.code).toBe('engine_error');
    await client.close();
  });

  it('closes on a message over the limit', async () => {
    const client = await open();
    client.send('x'.repeat(5_000));
    const [code] = (await once(client.socket, 'close')) as [number];
    expect(code).toBe(1009);
  });

  it('takes the key from a subprotocol, for browsers', async () => {
    const client = await open([`flotilla.bearer.${devKey}`], {});
    client.send({ type: 'chat', id: 'a', body });
    expect((await client.end('a')).type).toBe('done');
    await client.close();
  });

  it('is refused without a key, with a wrong one, with one in the URL, and elsewhere', async () => {
    expect(await refusal({})).toBe(401);
    expect(await refusal({ authorization: 'Bearer sk-wrong' })).toBe(401);
    expect(await refusal({}, `/v1/chat/ws?key=${devKey}`)).toBe(401);
    expect(await refusal({ authorization: `Bearer ${devKey}` }, '/v1/other')).toBe(404);
  });

  it('is refused when there are too many', async () => {
    const clients = [await open(), await open()];
    expect(await refusal({ authorization: `Bearer ${devKey}` })).toBe(503);
    for (const client of clients) await client.close();
  });

  it('sends the pieces that came together in order', async () => {
    const client = await open();
    platform.behind.chat = async function* () {
      yield {
        event: {
          $case: 'choices',
          value: {
            choices: ['a', 'b\n', 'c'].map((content, at) => chat.Choice.fromPartial({ index: at % 2, content })),
          },
        },
      };
      yield finished;
    };
    client.send({ type: 'chat', id: 'a', body: { ...body, n: 2 } });
    await client.end('a');
    expect(client.text('a')).toBe('ab\nc');
    await client.close();
  });
});
