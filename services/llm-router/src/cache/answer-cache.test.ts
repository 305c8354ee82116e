import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@flotilla/bus';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import type { GenerateEvents } from '../generation/plan.ts';
import {
  answerer,
  eventsOf,
  pieces,
  prepareAnswers,
  says,
  startBench,
  type Asking,
  type Bench,
} from './cache.fixture.ts';

let database: Database;
let bench: Bench;
const open: Bench[] = [];
const started = async (...options: Parameters<typeof startBench>) => {
  const one = await startBench(...options);
  open.push(one);
  return one;
};
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
beforeEach(async () => {
  await prepareAnswers(database);
  bench = await started(database);
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});
afterAll(() => database.close());

const stored = async () => (await database.query<{ n: number }>('select count(*)::int as n from router.answers'))[0]!.n;
const written = (rows = 1) => until(async () => (await stored()) === rows);
/** Another router of the platform: it holds nothing in memory yet. */
const another = (options: object = {}) => started(database, { bus: bench.bus, ...options });

describe('a request that was answered before', () => {
  it('gets the same answer from memory, from the database, streamed or not, and no engine is asked', async () => {
    expect(await bench.ask()).toMatchObject({ cache: 'miss', text: 'well met, traveller' });
    expect(await bench.ask()).toMatchObject({ cache: 'exact', text: 'well met, traveller' });
    await written();
    const other = await another();
    expect(await other.ask({ stream: false })).toMatchObject({ cache: 'exact', text: 'well met, traveller' });
    expect([bench.asked.length, other.asked.length]).toEqual([1, 0]);
  });

  it('is asked anew when it differs, when its time is over, and when it wants no cache', async () => {
    await bench.ask();
    await written();
    expect((await bench.ask({ question: 'hello there' })).cache).toBe('miss');
    expect((await bench.ask({ cache: 'off' })).cache).toBe('');
    bench.clock.advance(3_600_000);
    expect((await bench.ask()).cache).toBe('miss');
  });

  it('is asked anew on refresh, and has the new answer from then on', async () => {
    await bench.ask();
    bench.script = () => says('news');
    expect(await bench.ask({ cache: 'refresh' })).toMatchObject({ cache: 'miss', text: 'news' });
    expect(await bench.ask()).toMatchObject({ cache: 'exact', text: 'news' });
    await until(async () => (await (await another()).ask()).text === 'news');
  });

  it('has no cache at all where none is allowed: nothing is looked for, kept or told', async () => {
    const off = await started(database, { cache: {} });
    for (let i = 0; i < 2; i += 1) expect((await off.ask({ cache: 'exact' })).cache).toBe('');
    expect(off.asked).toHaveLength(2);
    await off.stop();
    expect(await stored()).toBe(0);
  });

  it.each<[string, ReturnType<typeof says>]>([
    ['filtered', says('a', 'content_filter')],
    [
      'cut by a failure',
      [...says('a').slice(0, 3), { $case: 'failure', value: { code: 'engine_error', message: '' } }],
    ],
    ['of an engine of another model', [answerer('fallback'), ...says('a').slice(1)]],
    ['longer than may be kept', says('a'.repeat(70_000))],
  ])('is asked anew when its answer was %s', async (_, events) => {
    bench.script = () => events;
    for (let i = 0; i < 2; i += 1) await bench.ask();
    expect(bench.asked).toHaveLength(2);
    await bench.stop();
    expect(await stored()).toBe(0);
  });
});

describe('the same request while it is being answered', () => {
  /** Engines whose answers wait until the test lets them go on. */
  function held() {
    const gates: (() => void)[] = [];
    bench.script = async function* (asked) {
      yield* eventsOf(says('slow').slice(0, 2), asked);
      await new Promise<void>((resolve) => gates.push(resolve));
      yield* eventsOf(says('slow').slice(2));
      return undefined;
    };
    return gates;
  }
  it('waits for that answer, and no engine is asked twice', async () => {
    const gates = held();
    const first = bench.ask();
    await until(() => gates.length === 1);
    const others = [1, 2, 3].map(() => bench.ask());
    gates[0]!();
    expect((await first).cache).toBe('miss');
    for (const other of await Promise.all(others)) expect(other).toMatchObject({ cache: 'exact', text: 'slow' });
    expect(bench.asked).toHaveLength(1);
  });

  it('asks for itself when the first client leaves, and does not fail with it', async () => {
    const gates = held();
    const first = bench.begin();
    await first.next();
    const second = bench.ask();
    await first.return!();
    await until(() => gates.length === 1);
    gates[0]!();
    expect(await second).toMatchObject({ cache: 'miss', text: 'slow' });
  });

  it('asks for itself when the first one takes too long', async () => {
    const gates = held();
    const slow = bench.ask();
    await until(() => gates.length === 1);
    const late = bench.ask();
    await until(() => bench.clock.pending === 2);
    await bench.clock.advanceAsync(10_000);
    await until(() => gates.length === 2);
    for (const gate of gates) gate();
    expect([(await slow).cache, (await late).cache]).toEqual(['miss', 'miss']);
  });

  it('does not wait for that of another organisation', async () => {
    const gates = held();
    const both = [bench.ask({ org: 'acme' }), bench.ask({ org: 'rival' })];
    await until(() => gates.length === 2);
    for (const gate of gates) gate();
    expect((await Promise.all(both)).map(({ cache }) => cache)).toEqual(['miss', 'miss']);
  });

  it('ends at once when its client leaves while it waits', async () => {
    held();
    const first = bench.begin();
    await first.next();
    const caller = new AbortController();
    bench.script = (_, signal) => {
      signal.throwIfAborted();
      return says('never');
    };
    const waiting = bench.begin({}, caller.signal).next();
    caller.abort(new FlotillaError('cancelled'));
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await first.return!();
  });
});

describe('leaving an answer that is being kept', () => {
  it('ends it at once, and nothing is kept', async () => {
    let left = false;
    const forever = { next: () => new Promise(() => undefined), return: async () => ((left = true), { done: true }) };
    bench.script = () => forever as unknown as GenerateEvents;
    const events = bench.begin();
    void events.next();
    await until(() => bench.asked.length === 1);
    await Promise.resolve();
    await until(async () => {
      await events.return!();
      return left;
    });
    await bench.stop();
    expect(await stored()).toBe(0);
  });
});

describe('a store that is', () => {
  const away = () => Promise.reject(new FlotillaError('unavailable'));
  const failing = (query: () => Promise<never>) => ({ query, transaction: away });

  it('away costs no answer: engines are asked, memory still serves', async () => {
    const one = await started(failing(away));
    expect((await one.ask()).cache).toBe('miss');
    expect((await one.ask()).cache).toBe('exact');
    expect((await one.ask({ cache: 'semantic', question: 'and now' })).text).toBe('well met, traveller');
    await expect(one.cache.purge({})).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('late is not waited for beyond its time', async () => {
    const late = await started(failing(() => new Promise(() => undefined)));
    const answer = late.ask({ cache: 'semantic' });
    await until(() => late.clock.pending === 2);
    await late.clock.advanceAsync(30);
    await until(() => late.clock.pending === 2);
    await late.clock.advanceAsync(100);
    expect((await answer).cache).toBe('miss');
  });
});

describe('a purge', () => {
  it('forgets in the database and on every router, and says how many answers it were', async () => {
    await bench.ask();
    await bench.ask({ org: 'rival' });
    await written(2);
    const other = await another();
    await other.ask();
    expect(await bench.cache.purge({ orgId: 'acme' })).toBe(1);
    await until(async () => (await other.ask()).cache === 'miss');
    expect((await other.ask({ org: 'rival' })).cache).toBe('exact');
  });

  it('keeps nothing of what was begun before it', async () => {
    const events = bench.begin();
    await events.next();
    await bench.cache.purge({});
    for await (const _ of events);
    expect((await bench.ask()).cache).toBe('miss');
  });

  it('lost on its way to a router holds there once its memory is over', async () => {
    await bench.ask();
    await written();
    const deaf = await started(database, { bus: createMemoryBus() });
    await deaf.ask();
    await bench.cache.purge({});
    expect((await deaf.ask()).cache).toBe('exact');
    deaf.clock.advance(60_000);
    expect((await deaf.ask()).cache).toBe('miss');
  });
});

describe('tool calls and lengths', () => {
  it('are said again to the same request', async () => {
    const call = [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }];
    bench.script = () => [
      answerer(),
      pieces({ role: 'assistant', toolCallsJson: JSON.stringify(call), finishReason: 'tool_calls' }),
      ...says('').slice(-1),
    ];
    const asking: Asking = { parametersJson: '{"tools":[{}]}', cache: 'semantic' };
    await bench.ask(asking);
    const again = await bench.ask(asking);
    expect(again.cache).toBe('exact');
    expect(JSON.stringify(again.events)).toContain('tool_calls');
  });
});
