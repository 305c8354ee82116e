import { events } from '@flotilla/contracts';
import { startTelemetry, traceparent, withTraceparent } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bus, Delivery, EventContext, Topic } from './bus.ts';

/** How a kind of bus is reached in the suite. */
export interface BusKind {
  /** A participant of one common bus: for NATS another connection, in memory the same object. */
  open(): Promise<Bus>;
  /** Ends what stands behind all of them. */
  stop(): Promise<void>;
}

let topicsMade = 0;

/** A topic of its own for each test, within the subjects of the stream. */
export function testTopic(delivery: Delivery): Topic<events.TurnSaved> {
  topicsMade += 1;
  const subject = delivery === 'durable' ? `turn.test.${topicsMade}` : `test.${topicsMade}`;
  return { subject, delivery, type: events.TurnSaved };
}

export function turn(id: string): events.TurnSaved {
  return events.TurnSaved.fromPartial({ turnId: id, conversationId: 'c', at: 1_700_000_000_000.5 });
}

/** The contract of bus.ts, for every kind of bus. */
export function busSuite(name: string, start: () => Promise<BusKind>): void {
  describe(`${name}: the contract of the bus`, () => {
    let kind: BusKind;
    const opened: Bus[] = [];
    const open = async () => {
      const bus = await kind.open();
      opened.push(bus);
      return bus;
    };

    beforeAll(async () => {
      kind = await start();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((bus) => bus.close()));
    });
    afterAll(() => kind.stop());

    it('brings a broadcast event to every listener there is, whole, and to none that comes later', async () => {
      const [publisher, other] = [await open(), await open()];
      const topic = testTopic('broadcast');
      const [first, second, late]: events.TurnSaved[][] = [[], [], []];
      await other.subscribe(topic, (event) => void first!.push(event));
      await publisher.subscribe(topic, (event) => void second!.push(event));
      await publisher.publish(topic, turn('1'));
      await until(() => first!.length === 1 && second!.length === 1);
      await other.subscribe(topic, (event) => void late!.push(event));
      await publisher.publish(topic, turn('2'));
      await until(() => late!.length === 1 && first!.length === 2);
      expect(first).toEqual([turn('1'), turn('2')]);
      expect(late).toEqual([turn('2')]);
    });

    it('goes on with a broadcast listener whose handler throws', async () => {
      const bus = await open();
      const topic = testTopic('broadcast');
      const seen: string[] = [];
      await bus.subscribe(topic, ({ turnId }) => {
        seen.push(turnId);
        throw new Error('no');
      });
      await bus.publish(topic, turn('1'));
      await bus.publish(topic, turn('2'));
      await until(() => seen.length === 2);
      expect(seen).toEqual(['1', '2']);
    });

    it.each(['broadcast', 'durable'] as const)(
      'runs the handlers of a %s subscription one after another',
      async (delivery) => {
        const bus = await open();
        const topic = testTopic(delivery);
        const steps: string[] = [];
        await bus.subscribe(
          topic,
          async ({ turnId }) => {
            steps.push(`begin ${turnId}`);
            await new Promise(setImmediate);
            steps.push(`end ${turnId}`);
          },
          { consumer: 'ledger' },
        );
        await Promise.all(['1', '2', '3'].map((id) => bus.publish(topic, turn(id))));
        await until(() => steps.length === 6);
        expect(steps).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
      },
    );

    it('gives every named consumer all durable events, and each once among the members of one name', async () => {
      const [publisher, a, b] = [await open(), await open(), await open()];
      const topic = testTopic('durable');
      const [ledger, audit]: string[][] = [[], []];
      await a.subscribe(topic, ({ turnId }) => void ledger!.push(turnId), { consumer: 'ledger' });
      await b.subscribe(topic, ({ turnId }) => void ledger!.push(turnId), { consumer: 'ledger' });
      await b.subscribe(topic, ({ turnId }) => void audit!.push(turnId), { consumer: 'audit' });
      const ids = Array.from({ length: 500 }, (_, index) => String(index));
      await Promise.all(ids.map((id) => publisher.publish(topic, turn(id), { id: `all-${topic.subject}-${id}` })));
      await until(() => ledger!.length >= 500 && audit!.length >= 500, { timeoutMs: 10_000 });
      const byNumber = (one: string, other: string) => Number(one) - Number(other);
      expect(ledger!.toSorted(byNumber)).toEqual(ids);
      expect(audit!.toSorted(byNumber)).toEqual(ids);
    });

    it('keeps durable events for a consumer that is yet to come and for one that is away', async () => {
      const bus = await open();
      const topic = testTopic('durable');
      const seen: string[] = [];
      const handle = ({ turnId }: events.TurnSaved) => void seen.push(turnId);
      await bus.publish(topic, turn('before'));
      const subscription = await bus.subscribe(topic, handle, { consumer: 'ledger' });
      await until(() => seen.length === 1);
      await subscription.close();
      await bus.publish(topic, turn('while away'));
      await (await open()).subscribe(topic, handle, { consumer: 'ledger' });
      await until(() => seen.length === 2);
      expect(seen).toEqual(['before', 'while away']);
    });

    it('brings an event whose handler throws again, counted, and others meanwhile', async () => {
      const bus = await open();
      const topic = testTopic('durable');
      const seen: [string, number][] = [];
      await bus.subscribe(
        topic,
        ({ turnId }, { attempt }) => {
          seen.push([turnId, attempt]);
          if (turnId === 'bad' && attempt < 3) throw new Error('not yet');
        },
        { consumer: 'ledger' },
      );
      await bus.publish(topic, turn('bad'));
      await bus.publish(topic, turn('good'));
      await until(() => seen.length === 4);
      expect(seen.slice(0, 2)).toEqual([
        ['bad', 1],
        ['good', 1],
      ]);
      expect(seen.slice(2)).toEqual([
        ['bad', 2],
        ['bad', 3],
      ]);
    });

    it('drops a second event of the same id, and tells handlers the id', async () => {
      const bus = await open();
      const topic = testTopic('durable');
      const seen: EventContext[] = [];
      await bus.subscribe(topic, (_, context) => void seen.push(context), { consumer: 'ledger' });
      const id = `once-${topic.subject}`;
      await bus.publish(topic, turn('1'), { id });
      await bus.publish(topic, turn('1'), { id });
      await bus.publish(topic, turn('2'));
      await until(() => seen.length === 2);
      expect(seen.map((context) => context.id)).toEqual([id, undefined]);
      expect(seen[0]).toMatchObject({ subject: topic.subject, attempt: 1 });
    });

    it('lets the handler under way finish when it closes, and does not bring its event again', async () => {
      const [publisher, leaving] = [await open(), await kind.open()];
      const topic = testTopic('durable');
      let finish = () => undefined as void;
      const gate = new Promise<void>((resolve) => (finish = resolve));
      const seen: string[] = [];
      const subscription = await leaving.subscribe(
        topic,
        async ({ turnId }) => {
          seen.push(`begin ${turnId}`);
          await gate;
          seen.push(`end ${turnId}`);
        },
        { consumer: 'ledger' },
      );
      await publisher.publish(topic, turn('1'));
      await publisher.publish(topic, turn('2'));
      await until(() => seen.length === 1);
      const closed = subscription.close();
      finish();
      await closed;
      expect(seen).toEqual(['begin 1', 'end 1']);
      await publisher.subscribe(topic, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' });
      await until(() => seen.length === 3);
      expect(seen[2]).toBe('2');
      await leaving.close();
    });

    it('runs handlers in the trace of the publisher', async () => {
      const telemetry = await startTelemetry({ service: 'test', metrics: false, logLevel: 'silent' });
      const bus = await open();
      const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      for (const delivery of ['broadcast', 'durable'] as const) {
        const topic = testTopic(delivery);
        const traces: (string | undefined)[] = [];
        await bus.subscribe(topic, () => void traces.push(traceparent()), { consumer: 'ledger' });
        await withTraceparent(header, () => bus.publish(topic, turn('1')));
        await bus.publish(topic, turn('2'));
        await until(() => traces.length === 2);
        expect(traces).toEqual([header, undefined]);
      }
      await telemetry.shutdown();
    });

    it('refuses a durable subscriber without a name, and everything once it is closed', async () => {
      const bus = await open();
      const topic = testTopic('durable');
      await expect(bus.subscribe(topic, () => undefined)).rejects.toThrow('needs a consumer name');
      expect(bus.ready()).toBe(true);
      await bus.close();
      expect(bus.ready()).toBe(false);
      await expect(bus.publish(topic, turn('1'))).rejects.toMatchObject({ code: 'unavailable' });
      await expect(bus.subscribe(topic, () => undefined, { consumer: 'x' })).rejects.toMatchObject({
        code: 'unavailable',
      });
    });
  });
}
