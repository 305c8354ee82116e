import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { chat, orchestrator } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { expectPrismaAgrees } from '@flotilla/database/testing';
import { FlotillaError } from '@flotilla/kernel';
import path from 'node:path';
import { answering, startPlatform, type Platform } from './platform.fixture.ts';

let database: Database;
let platform: Platform;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());
afterEach(() => platform.stop());

const user = (content: string) => ({ role: 'user', content });
const system = (content: string) => ({ role: 'system', content });
const asked = () => platform.generated.at(-1)!.messages.map(({ role, content }) => `${role}: ${content}`);
const conversation = (conversationId: string, orgId = 'org-a') =>
  platform.client.getConversation(
    orchestrator.GetConversationRequest.fromPartial({ caller: { orgId, requestId: 'r' }, conversationId }),
  );

describe('a conversation', () => {
  it('goes on from what was said, with one set of system messages, the latest', async () => {
    platform = await startPlatform(database);
    const say = (...messages: object[]) => platform.chat(platform.request({ conversationId: 'c1', messages }));
    await say(system('Be brief.'), user('one'));
    expect(asked()).toEqual(['system: Be brief.', 'user: one']);
    await say(user('two'));
    expect(asked()).toEqual(['system: Be brief.', 'user: one', 'assistant: Hello world', 'user: two']);
    await say(system('Be long.'), user('three'));
    expect(asked()[0]).toBe('system: Be long.');
    expect(asked().filter((line) => line.startsWith('system'))).toHaveLength(1);
    await say(user('four'));
    expect(asked()[0]).toBe('system: Be long.');
    expect(asked()).toHaveLength(8);
  });

  it('is bounded in turns and characters, and keeps its system message beyond them', async () => {
    platform = await startPlatform(database, {}, { config: { historyTurns: 2, historyCharacters: 40 } });
    const say = (...messages: object[]) => platform.chat(platform.request({ conversationId: 'c2', messages }));
    await say(system('S'), user('one'));
    for (const text of ['two', 'three']) await say(user(text));
    await say(user('four'));
    expect(asked()).toEqual([
      'system: S',
      ...['user: two', 'assistant: Hello world', 'user: three', 'assistant: Hello world', 'user: four'],
    ]);
    await say(user('x'.repeat(60)));
    await say(user('six'));
    expect(asked()).toEqual(['system: S', 'user: six']);
  });

  it('can be read by its organisation, oldest turn first, and by no other', async () => {
    platform = await startPlatform(database);
    const call = platform.request({ conversationId: 'c3', messages: [user('one')] });
    await platform.chat(call);
    await platform.chat(platform.request({ conversationId: 'c3', messages: [user('two')] }));
    const { turns } = await conversation('c3');
    expect(turns.map(({ messages }) => messages.map(({ content }) => content))).toEqual([
      ['one', 'Hello world'],
      ['two', 'Hello world'],
    ]);
    expect(turns[0]).toMatchObject({ requestId: call.caller!.requestId, model: 'm', usage: { completionTokens: 2 } });
    await expect(conversation('c3', 'org-b')).rejects.toMatchObject({ code: 'not_found' });
    await expect(conversation('nowhere')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('of one organisation is not that of another with the same id', async () => {
    platform = await startPlatform(database);
    const caller = (orgId: string, requestId: string) => ({ orgId, requestId });
    await platform.chat(
      platform.request({ caller: caller('org-a', 'x1'), conversationId: 'shared', messages: [user('mine')] }),
    );
    await platform.chat(
      platform.request({ caller: caller('org-b', 'x1'), conversationId: 'shared', messages: [user('yours')] }),
    );
    expect(asked()).toEqual(['user: yours']);
    expect((await conversation('shared', 'org-b')).turns).toHaveLength(1);
  });

  it('takes a turn once, however often its request comes', async () => {
    platform = await startPlatform(database);
    const call = platform.request({ conversationId: 'c4' });
    await Promise.all([platform.chat(call), platform.chat(call)]);
    await platform.chat(call);
    expect((await conversation('c4')).turns).toHaveLength(1);
    expect(await platform.usageOf(call)).toHaveLength(1);
  });

  it('keeps tool calls whole', async () => {
    platform = await startPlatform(database, {
      generate: async function* () {
        const delta = (toolCallsJson: string, finishReason = '') => ({
          event: {
            $case: 'choices' as const,
            value: {
              choices: [chat.Choice.fromPartial({ toolCallsJson, finishReason })],
              usage: undefined,
            },
          },
        });
        yield delta('[{"index":0,"id":"c1","type":"function","function":{"name":"find","arguments":"{\\"a\\""}}]');
        yield delta('[{"index":0,"function":{"arguments":":1}"}}]', 'tool_calls');
        yield { event: { $case: 'finished', value: { usage: undefined } } };
      },
    });
    await platform.chat(platform.request({ conversationId: 'c5' }));
    const [turn] = (await conversation('c5')).turns;
    expect(JSON.parse(turn!.messages.at(-1)!.toolCallsJson)).toEqual([
      { id: 'c1', type: 'function', function: { name: 'find', arguments: '{"a":1}' } },
    ]);
  });

  it('is saved also when the model writes what a database cannot hold', async () => {
    platform = await startPlatform(database, { generate: answering('nul \u0000 half \ud83d end') });
    const { kinds } = await platform.chat(platform.request({ conversationId: 'c6' }));
    expect(kinds.at(-1)).toBe('finished');
    expect((await conversation('c6')).turns[0]!.messages.at(-1)!.content).toBe('nul \ufffd half \ufffd end');
  });

  it('ends with a failure when the turn cannot be saved; its usage is written once the database is back', async () => {
    let broken = true;
    const failing: Database = {
      ...database,
      query: (sql, parameters) =>
        broken && sql.includes('insert into orchestrator.usage')
          ? Promise.reject(new FlotillaError('unavailable'))
          : database.query(sql, parameters),
    };
    platform = await startPlatform(failing);
    const call = platform.request({ conversationId: 'c7' });
    const { failure, kinds } = await platform.chat(call);
    expect({ code: failure?.code, finished: kinds.includes('finished') }).toEqual({
      code: 'unavailable',
      finished: false,
    });
    broken = false;
    const rows = await platform.recordedUsage(call);
    expect(rows).toMatchObject([{ outcome: 'failed', completion_tokens: 2 }]);
    await expect(conversation('c7')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('has the tables that the Prisma schema says', async () => {
    platform = await startPlatform(database);
    const prismaSchema = path.join(import.meta.dirname, '../prisma/schema.prisma');
    await expectPrismaAgrees(database, { schema: 'orchestrator', prismaSchema });
  });
});
