import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { prepareAnswers, says, simulated, startBench, type Asking, type Bench } from './cache.fixture.ts';

let database: Database;
let bench: Bench;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
beforeEach(async () => {
  await prepareAnswers(database);
  bench = await startBench(database, { cache: { allow: ['semantic'], default: 'semantic' } });
  bench.script = ({ request }) => says(`to: ${request.messages.at(-1)!.content}`);
});
afterEach(() => bench.stop());
afterAll(() => database.close());

const known = 'How do I reset my password?';
const stored = async (rows: number) =>
  until(async () => (await database.query('select 1 from router.answers', [])).length === rows);
const asked = async (asking: Asking) => {
  await bench.ask(asking);
  await stored(1);
};

describe('a question that means the same', () => {
  it.each(['How can I reset my password?', 'how do i reset my password', 'How do I reset the password?'])(
    'has the answer of the first: %s',
    async (question) => {
      await asked({ question: known });
      expect(await bench.ask({ question })).toMatchObject({ cache: 'semantic', text: `to: ${known}` });
      expect(bench.asked).toHaveLength(1);
    },
  );

  it.each([
    ['Ship 12 boxes from Rome to Oslo', 'Ship 13 boxes from Rome to Oslo'],
    ['Ship 12 boxes from Rome to Oslo', 'Ship 12 boxes from Oslo to Rome'],
    ['How do I enable single sign-on for guests?', 'How do I disable single sign-on for guests?'],
    ['Is the backup encrypted at rest?', 'Is the backup not encrypted at rest?'],
    ['When was the treaty signed?', 'Where was the treaty signed?'],
    ['What does `git reset` do?', 'What does `git rebase` do?'],
  ])('has not that of one that only looks like it: %s | %s', async (first, second) => {
    // As near as can be, whatever an embedding model makes of the two.
    bench.embed = async () => ({ model: 'blunt', vector: [1, 0] });
    await asked({ question: first });
    expect(await bench.ask({ question: second })).toMatchObject({ cache: 'miss', text: `to: ${second}` });
  });

  it('has not that of one that is further away than the threshold', async () => {
    await asked({ question: 'Explain photosynthesis' });
    expect((await bench.ask({ question: 'Explain gravity' })).cache).toBe('miss');
  });

  it.each<[string, Asking]>([
    [
      'after another history',
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'user', content: known },
        ],
      },
    ],
    ['under another system prompt', { system: 'Be brief.' }],
    ['with other parameters', { parametersJson: '{"temperature":1}' }],
    ['to another model', { model: 'n' }],
    ['in a remembered conversation', { conversationId: 'c', question: 'how can I reset my password?' }],
    ['with tools', { parametersJson: '{"tools":[{}]}' }],
    ['in several choices', { parametersJson: '{"n":2}' }],
    [
      'with an image',
      { messages: [{ role: 'user', content: known, partsJson: '[{"type":"text"},{"type":"image_url"}]' }] },
    ],
    ['of another organisation', { org: 'rival' }],
  ])('has another answer %s', async (_, asking) => {
    await asked({ question: known });
    expect((await bench.ask({ question: known, ...asking })).cache).not.toBe('semantic');
  });

  it('has another answer when the first ended before it was complete', async () => {
    bench.script = () => says('cut', 'length');
    await asked({ question: known });
    expect((await bench.ask({ question: 'how can I reset my password' })).cache).toBe('miss');
  });

  it('has another answer once the first is older than such answers may be', async () => {
    bench.config = { ...bench.config, semantic: { ...bench.config.semantic, max_age_s: 60 } };
    await asked({ question: known });
    bench.clock.advance(61_000);
    expect((await bench.ask({ question: 'how can I reset my password' })).cache).toBe('miss');
  });

  it('has the new answer after a refresh of the first', async () => {
    await asked({ question: known });
    bench.script = () => says('news');
    await bench.ask({ question: known, cache: 'refresh' });
    await until(async () => (await bench.ask({ question: 'How can I reset my password?' })).text === 'news');
  });
});

describe('an embedding model that is', () => {
  it.each<[string, Bench['embed']]>([
    ['away', () => Promise.reject(new FlotillaError('engine_unavailable'))],
    ['of no use', async () => ({ model: 'zero', vector: [0, 0] })],
    ['broken', async () => ({ model: 'nan', vector: [Number.NaN] })],
  ])('%s costs no answer, and the answer is kept for the same request', async (_, embed) => {
    bench.embed = embed;
    await asked({ question: known });
    expect((await bench.ask({ question: known })).cache).toBe('exact');
    expect((await bench.ask({ question: 'How can I reset my password?' })).cache).toBe('miss');
  });

  it('slow is not waited for, yet its answer serves the next question', async () => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    bench.embed = (question, signal) => gate.then(() => simulated(question, signal));
    const first = bench.ask({ question: known });
    await until(async () => {
      await bench.clock.advanceAsync(50);
      return bench.asked.length === 1;
    });
    expect((await first).cache).toBe('miss');
    go();
    await stored(1);
    bench.embed = simulated;
    expect((await bench.ask({ question: 'How can I reset my password?' })).cache).toBe('semantic');
  });

  it('another one is not compared with the first', async () => {
    await asked({ question: known });
    bench.embed = async (question, signal) => ({ ...(await simulated(question, signal)), model: 'other' });
    expect((await bench.ask({ question: 'How can I reset my password?' })).cache).toBe('miss');
  });
});
