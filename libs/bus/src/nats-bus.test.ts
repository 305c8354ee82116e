import { afterEach, describe, expect, it } from '@jest/globals';
import { describeWith, startNats, until, type NatsOptions, type TestServer } from '@flotilla/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { busSuite, testTopic, turn } from './bus.contract.fixture.ts';
import type { Bus } from './bus.ts';
import { createNatsBus, type NatsBusOptions } from './nats-bus.ts';
import { streamName } from './nats-stream.ts';

/** An attempt to publish takes up to 5 s by itself. */
const patient = { timeoutMs: 15_000 };

describeWith(['nats-server'], 'NATS', () => {
  busSuite('NATS', async () => {
    const server = await startNats();
    return {
      open: () => createNatsBus({ servers: server.url, name: 'test' }),
      stop: () => server.stop(),
    };
  });

  describe('the bus over NATS', () => {
    const opened: Bus[] = [];
    const servers: TestServer[] = [];
    const serve = async (options?: NatsOptions) => {
      const server = await startNats(options);
      servers.push(server);
      return server;
    };
    const open = async (server: { url: string }, options: Partial<NatsBusOptions> = {}) => {
      const bus = await createNatsBus({ servers: server.url, name: 'test', ...options });
      opened.push(bus);
      return bus;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((bus) => bus.close()));
      await Promise.all(servers.splice(0).map((server) => server.stop()));
    });

    it('loses nothing and goes on by itself when the server crashes and comes back', async () => {
      const server = await serve();
      const bus = await open(server);
      const [durable, broadcast] = [testTopic('durable'), testTopic('broadcast')];
      const seen: string[] = [];
      await bus.subscribe(durable, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' });
      await bus.subscribe(broadcast, ({ turnId }) => void seen.push(turnId));
      await bus.publish(durable, turn('before'));
      await until(() => seen.length === 1);

      await server.kill();
      await until(() => !bus.ready());
      await expect(bus.publish(broadcast, turn('x'))).rejects.toMatchObject({ code: 'unavailable' });
      const waiting = bus.publish(durable, turn('during'), { id: 'during' });
      await server.restart();
      await waiting;
      await until(() => bus.ready() && seen.includes('during'), { timeoutMs: 40_000 });

      await bus.publish(durable, turn('after'));
      await bus.publish(broadcast, turn('broadcast after'));
      // An acknowledgement that the crash swallowed brings its event again, after the ack wait of 30 s: at least once.
      await until(() => new Set(seen).size === 4, { timeoutMs: 40_000 });
      expect([...new Set(seen)].toSorted()).toEqual(['after', 'before', 'broadcast after', 'during']);
      expect(seen.filter((turnId) => turnId === 'broadcast after')).toHaveLength(1);
    }, 60_000);

    it('sets up stream and consumers again on a server that comes back empty', async () => {
      const server = await serve();
      const bus = await open(server, { storage: 'memory' });
      const topic = testTopic('durable');
      const seen: string[] = [];
      await bus.subscribe(topic, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' });
      await server.kill();
      await until(() => !bus.ready());
      await server.restart();
      await until(() => bus.ready());
      await until(() => bus.publish(topic, turn('1'), { id: 'a' }).then(() => true), patient);
      await until(() => seen.length === 1);
      expect(seen).toEqual(['1']);
    });

    it('says within 5 s that an event cannot be stored when the server is gone', async () => {
      const server = await serve();
      const bus = await open(server);
      await server.kill();
      await until(() => !bus.ready());
      await expect(bus.publish(testTopic('durable'), turn('1'))).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('gives the event of a consumer that died to another, and not the event of one that takes its time', async () => {
      const server = await serve();
      const options = { ackWaitMs: 600 };
      const [dying, slow] = [await open(server, options), await open(server, options)];
      const topic = testTopic('durable');
      const seen: [string, number][] = [];
      let begun = false;
      await dying.subscribe(topic, () => ((begun = true), new Promise<never>(() => undefined)), { consumer: 'ledger' });
      await slow.publish(topic, turn('1'));
      await until(() => begun);
      // Its connection closes without an acknowledgement; the handler hangs, as in a process that was killed.
      const closing = dying.close();
      await slow.subscribe(
        topic,
        async ({ turnId }, { attempt }) => {
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          seen.push([turnId, attempt]);
        },
        { consumer: 'ledger' },
      );
      await closing;
      await until(() => seen.length === 1);
      await slow.publish(topic, turn('2'));
      await until(() => seen.length === 2);
      expect(seen).toEqual([
        ['1', 2],
        ['2', 1],
      ]);
    });

    it('gives up an event that cannot be read and goes on', async () => {
      const server = await serve();
      const bus = await open(server);
      const topic = testTopic('durable');
      const garbled = {
        ...topic,
        type: { ...topic.type, encode: () => ({ finish: () => Uint8Array.of(0xff, 0xff) }) },
      };
      const seen: string[] = [];
      await bus.subscribe(topic, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' });
      await bus.publish(garbled, turn('0'));
      await bus.publish(topic, turn('1'));
      await until(() => seen.length === 1);
      expect(seen).toEqual(['1']);
    });

    it('refuses events rather than losing what is not handled, and takes them again once it is', async () => {
      const server = await serve();
      const bus = await open(server, { maxBytes: 10_000, keep: 1, letGoEveryMs: 100 });
      const topic = testTopic('durable');
      let stored = 0;
      const fill = async () => {
        for (; stored < 100; stored += 1) await bus.publish(topic, turn('x'.repeat(1_000)));
      };
      await expect(fill()).rejects.toMatchObject({ code: 'unavailable' });
      expect(stored).toBeGreaterThan(5);
      let seen = 0;
      await bus.subscribe(topic, () => void (seen += 1), { consumer: 'ledger' });
      await until(() => seen === stored);
      await until(() => bus.publish(topic, turn('y')).then(() => true), patient);
      await until(() => seen === stored + 1);
    });

    it('lets go of events that nobody consumes, but for the newest', async () => {
      const server = await serve();
      const bus = await open(server, { keep: 5, letGoEveryMs: 50 });
      const [consumed, other] = [testTopic('durable'), testTopic('durable')];
      const seen: string[] = [];
      await (await bus.subscribe(consumed, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' })).close();
      for (let index = 0; index < 20; index += 1) {
        await bus.publish(consumed, turn(String(index)));
        await bus.publish(other, turn(String(index)));
      }
      const connection = await connect({ servers: server.url });
      const manager = await jetstreamManager(connection);
      const held = async () => (await manager.streams.info(streamName, { subjects_filter: '>' })).state.subjects;
      await until(async () => (await held())?.[other.subject] === 5);
      expect(await held()).toEqual({ [consumed.subject]: 20, [other.subject]: 5 });
      await connection.close();
      await bus.subscribe(consumed, ({ turnId }) => void seen.push(turnId), { consumer: 'ledger' });
      await until(() => seen.length === 20);
    });

    it('signs in with the credentials of the URL', async () => {
      const server = await serve({ user: 'flotilla', password: 'p@ss' });
      const bus = await open({ url: server.url.replace('nats://', 'nats://flotilla:p%40ss@') });
      expect(bus.ready()).toBe(true);
      await expect(open(server, { connectWithinMs: 300 })).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('says so when no server answers', async () => {
      const nobody = { url: 'nats://127.0.0.1:1' };
      await expect(open(nobody, { connectWithinMs: 300 })).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
});
