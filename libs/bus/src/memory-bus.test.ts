import { describe, expect, it } from '@jest/globals';
import { createFakeClock, until } from '@flotilla/testkit';
import { busSuite, testTopic, turn } from './bus.contract.fixture.ts';
import { createMemoryBus } from './memory-bus.ts';
import { topics } from './topics.ts';

busSuite('memory', async () => {
  const shared = { bus: createMemoryBus() };
  return {
    // A test that closes the bus leaves the next one a new bus.
    async open() {
      if (!shared.bus.ready()) shared.bus = createMemoryBus();
      return shared.bus;
    },
    stop: () => shared.bus.close(),
  };
});

describe('the bus in memory', () => {
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('brings a failed event again after pauses that double, at most 30 s', async () => {
    const clock = createFakeClock(0);
    const bus = createMemoryBus({ clock });
    const topic = testTopic('durable');
    const times: number[] = [];
    await bus.subscribe(
      topic,
      () => {
        times.push(clock.now());
        throw new Error('never');
      },
      { consumer: 'ledger' },
    );
    await bus.publish(topic, turn('1'));
    await settle();
    for (let step = 0; step < 2_000 && times.length < 13; step += 1) {
      clock.advance(50);
      await settle();
    }
    const pauses = times.slice(1).map((time, index) => time - times[index]!);
    expect(pauses.slice(0, 5)).toEqual([100, 200, 400, 800, 1_600]);
    for (const pause of pauses) expect(pause).toBeLessThanOrEqual(30_000);
    await bus.close();
  });

  it('takes an id again once two minutes have passed', async () => {
    const clock = createFakeClock(0);
    const bus = createMemoryBus({ clock });
    const topic = testTopic('durable');
    let seen = 0;
    await bus.subscribe(topic, () => void (seen += 1), { consumer: 'ledger' });
    await bus.publish(topic, turn('1'), { id: 'x' });
    clock.advance(119_999);
    await bus.publish(topic, turn('1'), { id: 'x' });
    await settle();
    expect(seen).toBe(1);
    clock.advance(1);
    await bus.publish(topic, turn('1'), { id: 'x' });
    await until(() => seen === 2);
  });

  it('refuses events rather than losing them when a known consumer stays away', async () => {
    const bus = createMemoryBus({ keep: 10, maxPending: 20 });
    const topic = testTopic('durable');
    const seen: string[] = [];
    const handle = ({ turnId }: { turnId: string }) => void seen.push(turnId);
    await (await bus.subscribe(topic, handle, { consumer: 'ledger' })).close();
    for (let index = 0; index < 20; index += 1) await bus.publish(topic, turn(String(index)));
    await expect(bus.publish(topic, turn('20'))).rejects.toMatchObject({ code: 'unavailable' });
    await bus.subscribe(topic, handle, { consumer: 'ledger' });
    await until(() => seen.length === 20);
    await bus.publish(topic, turn('20'));
    await until(() => seen.length === 21);
    expect(seen).toEqual(Array.from({ length: 21 }, (_, index) => String(index)));
  });

  it('keeps only the newest events when nobody consumes them', async () => {
    const bus = createMemoryBus({ keep: 10 });
    const topic = testTopic('durable');
    for (let index = 0; index < 1_000; index += 1) await bus.publish(topic, turn(String(index)));
    const seen: string[] = [];
    await bus.subscribe(topic, ({ turnId }) => void seen.push(turnId), { consumer: 'late' });
    await until(() => seen.length === 10);
    expect(seen[0]).toBe('990');
  });

  it('can wait with publish until the event is handled, the second of an id with the first', async () => {
    const clock = createFakeClock(0);
    const bus = createMemoryBus({ clock, resolveWhen: 'handled' });
    const topic = testTopic('durable');
    await bus.publish(topic, turn('nobody is there'));
    let fails = 1;
    let handled = 0;
    const subscription = await bus.subscribe(
      topic,
      () => {
        if (fails-- > 0) throw new Error('not yet');
        handled += 1;
      },
      { consumer: 'ledger' },
    );
    await settle();
    clock.advance(100);
    await settle();
    expect(handled).toBe(1);

    fails = 1;
    const outcomes: string[] = [];
    const publish = () => bus.publish(topic, turn('1'), { id: 'a' }).then(() => outcomes.push('handled'));
    const both = [publish(), publish()];
    await settle();
    expect(outcomes).toEqual([]);
    clock.advance(100);
    await Promise.all(both);
    expect(handled).toBe(2);
    await publish();

    fails = 1_000;
    const late = bus.publish(topic, turn('2'), { id: 'b' });
    const refused = expect(late).rejects.toMatchObject({ code: 'unavailable' });
    await settle();
    clock.advance(5_000);
    await refused;
    const left = bus.publish(topic, turn('3'), { id: 'c' });
    await settle();
    await subscription.close();
    await left;
  });

  it('tells a handler that does not end to stop, 5 s after close', async () => {
    const clock = createFakeClock(0);
    const bus = createMemoryBus({ clock });
    const topic = testTopic('broadcast');
    let stopped = false;
    let begun = false;
    await bus.subscribe(topic, (_, { signal }) => {
      begun = true;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          resolve();
        });
      });
    });
    await bus.publish(topic, turn('1'));
    await until(() => begun);
    const closed = bus.close();
    clock.advance(4_999);
    expect(stopped).toBe(false);
    clock.advance(1);
    await closed;
    expect(stopped).toBe(true);
  });
});

describe('the topics', () => {
  it('have subjects of their own, and the durable ones lie in the stream', () => {
    expect(new Set(topics.map((topic) => topic.subject)).size).toBe(topics.length);
    for (const topic of topics) expect(/^(usage|turn)\./.test(topic.subject)).toBe(topic.delivery === 'durable');
  });
});
