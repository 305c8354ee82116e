import { FlotillaError, systemClock, type Clock } from '@flotilla/kernel';
import { logger, traceparent } from '@flotilla/telemetry';
import { jetstream } from '@nats-io/jetstream';
import { Listener } from './broadcast.ts';
import type { Bus, PublishOptions, SubscribeOptions, Subscription, Topic } from './bus.ts';
import { countPublished, type Handle } from './delivery.ts';
import { closedError, connectNats } from './nats-connection.ts';
import { fetchAhead, NatsConsumer } from './nats-consumer.ts';
import { eventHeaders, NatsPublisher } from './nats-publisher.ts';
import { letGoOfHandled } from './nats-retention.ts';
import { defaultAckWaitMs, ensureConsumer, ensureStream, streamName, type StreamOptions } from './nats-stream.ts';

export interface NatsBusOptions extends StreamOptions {
  /** `nats://[user:password@]host:port`, comma-separated. */
  servers: string;
  /** What the server's monitoring calls this connection, e.g. `rag`. */
  name: string;
  /** How long to try for the first connection and the stream, in milliseconds. Default 30 s. */
  connectWithinMs?: number;
  /** How often handled events are let go of, in milliseconds. Default 30 s. */
  letGoEveryMs?: number;
  clock?: Clock;
}

/** `publish` of a durable event has this long, a reconnection included, in milliseconds. */
const publishDeadlineMs = 5_000;
/** How long `close` waits for the server to take what was sent, in milliseconds. */
const drainMs = 5_000;

const log = logger('bus');

/**
 * The bus over NATS: broadcast by core NATS, durable by the JetStream stream FLOTILLA. Comes back by itself after a loss of
 * the connection or a restart of the server; while it is away `ready` is false, a broadcast `publish` throws `unavailable`
 * at once and a durable one after 5 s. Throws `unavailable` when no server answers in time.
 */
export async function createNatsBus(options: NatsBusOptions): Promise<Bus> {
  const { servers, name, clock = systemClock, connectWithinMs = 30_000, ackWaitMs = defaultAckWaitMs } = options;
  const link = await connectNats({ servers, name, withinMs: connectWithinMs }, clock);
  const { connection } = link;
  const manager = await ensureStream(connection, options, connectWithinMs, clock).catch(async (error: unknown) => {
    await connection.close();
    throw error;
  });
  const stream = jetstream(connection, { timeout: publishDeadlineMs });
  const publisher = new NatsPublisher(connection, clock);
  const open = new Set<Subscription>();
  let lettingGo = false;
  const retention = clock.every(options.letGoEveryMs ?? 30_000, () => {
    if (lettingGo || !link.connected()) return;
    lettingGo = true;
    letGoOfHandled(manager, options.keep ?? 4_096)
      .catch((error: unknown) => log.warn('handled events could not be let go of', { error }))
      .finally(() => (lettingGo = false));
  });
  const consumers = new Set<NatsConsumer<any>>();
  let closed = false;

  link.onReconnect(() => {
    // The server may have come back empty.
    ensureStream(connection, options, connectWithinMs, clock)
      .catch((error: unknown) => log.warn('the stream could not be made sure of', { error }))
      .finally(() => consumers.forEach((consumer) => consumer.restart()));
  });

  const store = async (subject: string, payload: Uint8Array, id: string | undefined) => {
    const trace = traceparent();
    const until = clock.monotonic() + publishDeadlineMs;
    try {
      if (!link.connected()) await link.whenConnected(publishDeadlineMs);
      const duplicate = await publisher.publish(subject, payload, id, trace, until);
      countPublished(subject, duplicate ? 'duplicate' : 'ok');
    } catch (cause) {
      countPublished(subject, 'failed');
      if (cause instanceof FlotillaError) throw cause;
      throw new FlotillaError('unavailable', `The event ${subject} could not be stored.`, { cause });
    }
  };

  const broadcast = (subject: string, payload: Uint8Array) => {
    // The client would keep it and send it later, out of date: at most once means now or not at all.
    if (!link.connected()) {
      countPublished(subject, 'failed');
      throw new FlotillaError('unavailable', 'The message bus cannot be reached.');
    }
    connection.publish(subject, payload, { headers: eventHeaders(undefined, traceparent()) });
    countPublished(subject, 'ok');
  };

  const listen = async <T>(topic: Topic<T>, handle: Handle<T>): Promise<() => Promise<void>> => {
    const listener = new Listener(topic, handle, clock);
    const subscription = connection.subscribe(topic.subject, {
      callback(error, message) {
        if (error) return log.warn('a subscription failed', { subject: topic.subject, error });
        try {
          listener.offer(topic.type.decode(message.data), message.headers?.get('traceparent'));
        } catch (cause) {
          log.error('an event cannot be read and is given up', { subject: topic.subject, error: cause });
        }
      },
    });
    // Only when the server has seen the subscription does every later event reach it.
    await connection.flush();
    return () => {
      subscription.unsubscribe();
      return listener.close();
    };
  };

  const consume = async <T>(topic: Topic<T>, handle: Handle<T>, name: string): Promise<() => Promise<void>> => {
    const fetch = async () => {
      const durable = await ensureConsumer(manager, name, topic.subject, options);
      const consumer = await stream.consumers.get(streamName, durable);
      return consumer.consume({ max_messages: fetchAhead });
    };
    const member = new NatsConsumer({ topic, name, fetch, handle, ackWaitMs, clock }, await fetch());
    consumers.add(member);
    return () => {
      consumers.delete(member);
      return member.close();
    };
  };

  return {
    async publish<T>(topic: Topic<T>, message: T, options?: PublishOptions) {
      if (closed) throw closedError();
      const payload = topic.type.encode(message).finish();
      if (topic.delivery === 'durable') await store(topic.subject, payload, options?.id);
      else broadcast(topic.subject, payload);
    },
    async subscribe<T>(topic: Topic<T>, handle: Handle<T>, options?: SubscribeOptions) {
      if (closed) throw closedError();
      const durable = topic.delivery === 'durable';
      if (durable && !options?.consumer) {
        throw new Error(`a subscriber of ${topic.subject}, which is durable, needs a consumer name`);
      }
      let leave: () => Promise<void>;
      try {
        await link.whenConnected(publishDeadlineMs);
        leave = durable ? await consume(topic, handle, options!.consumer!) : await listen(topic, handle);
      } catch (cause) {
        throw new FlotillaError('unavailable', `There is no subscribing to ${topic.subject} now.`, { cause });
      }
      const subscription: Subscription = {
        close() {
          open.delete(subscription);
          return leave();
        },
      };
      open.add(subscription);
      return subscription;
    },
    ready: () => !closed && link.connected(),
    async close() {
      if (closed) return;
      closed = true;
      retention.cancel();
      await Promise.all([...open].map((subscription) => subscription.close()));
      if (link.connected()) await within(connection.drain(), drainMs, clock);
      publisher.close();
      await connection.close();
    },
  };
}

/** Waits for it, but no longer than this; a failure counts as done. */
async function within(work: Promise<void>, ms: number, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(ms, resolve);
    work
      .then(undefined, () => undefined)
      .finally(() => {
        timer.cancel();
        resolve();
      });
  });
}
