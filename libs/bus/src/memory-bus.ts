import { FlotillaError, systemClock, type Clock } from '@flotilla/kernel';
import { traceparent } from '@flotilla/telemetry';
import type { Bus, PublishOptions, SubscribeOptions, Subscription, Topic } from './bus.ts';
import { Listener } from './broadcast.ts';
import { countPublished, type Handle } from './delivery.ts';
import { EventLog } from './event-log.ts';
import { MemoryConsumer } from './memory-consumer.ts';

export interface MemoryBusOptions {
  clock?: Clock;
  /** Events of a durable topic kept for consumers that are yet to come. Default 4,096. */
  keep?: number;
  /** Events of a durable topic that may wait for a known consumer; above it `publish` throws `unavailable`. Default 100,000. */
  maxPending?: number;
  /**
   * When a durable `publish` resolves. `stored`: at once; what is not handled dies with the process. `handled`: when every
   * consumer that is subscribed has handled it, and `unavailable` after 5 s; with an outbox, nothing is lost in a crash. Default `stored`.
   */
  resolveWhen?: 'stored' | 'handled';
}

/** A `publish` that resolves when handled waits this long, in milliseconds. */
const handledWithinMs = 5_000;

/** Ids are remembered this long, as in JetStream: 2 minutes. */
const dedupWindowMs = 120_000;

interface Stream {
  readonly log: EventLog;
  readonly consumers: Map<string, MemoryConsumer>;
}

/**
 * The bus of one process. Messages pass by reference: a handler must not change them. Durable topics keep their events
 * while this process lives; a consumer that closed and comes back goes on where it was.
 */
export function createMemoryBus({
  clock = systemClock,
  keep = 4_096,
  maxPending = 100_000,
  resolveWhen = 'stored',
}: MemoryBusOptions = {}): Bus {
  const streams = new Map<string, Stream>();
  const listeners = new Map<string, Set<Listener<any>>>();
  const open = new Set<Subscription>();
  let closed = false;

  const streamOf = (subject: string): Stream => {
    let stream = streams.get(subject);
    if (!stream) streams.set(subject, (stream = { log: new EventLog(dedupWindowMs), consumers: new Map() }));
    return stream;
  };

  const store = (subject: string, message: unknown, id: string | undefined): Promise<void> | undefined => {
    const { log, consumers } = streamOf(subject);
    if (log.size >= keep) {
      let floor = log.last + 1;
      for (const consumer of consumers.values()) floor = Math.min(floor, consumer.floor);
      log.trim(floor, keep - 1);
    }
    if (log.size >= maxPending) {
      countPublished(subject, 'failed');
      throw new FlotillaError('unavailable', `Too many ${subject} events wait for their consumers.`);
    }
    const { sequence, duplicate } = log.append(message, id, traceparent(), clock.monotonic());
    countPublished(subject, duplicate ? 'duplicate' : 'ok');
    if (!duplicate) for (const consumer of consumers.values()) consumer.wake();
    return resolveWhen === 'handled' ? handledByAll(consumers.values(), sequence, clock) : undefined;
  };

  const broadcast = (subject: string, message: unknown) => {
    const trace = traceparent();
    for (const listener of listeners.get(subject) ?? []) listener.offer(message, trace);
    countPublished(subject, 'ok');
  };

  const listen = <T>(topic: Topic<T>, handle: Handle<T>): (() => Promise<void>) => {
    const listener = new Listener(topic, handle, clock);
    let group = listeners.get(topic.subject);
    if (!group) listeners.set(topic.subject, (group = new Set()));
    group.add(listener);
    return () => {
      group.delete(listener);
      return listener.close();
    };
  };

  const consume = <T>(topic: Topic<T>, handle: Handle<T>, name: string | undefined): (() => Promise<void>) => {
    if (!name) throw new Error(`a subscriber of ${topic.subject}, which is durable, needs a consumer name`);
    const { log, consumers } = streamOf(topic.subject);
    let consumer = consumers.get(name);
    if (!consumer) consumers.set(name, (consumer = new MemoryConsumer(topic, name, log, clock)));
    return consumer.join(handle);
  };

  return {
    async publish<T>(topic: Topic<T>, message: T, options?: PublishOptions) {
      if (closed) throw new FlotillaError('unavailable', 'The bus is closed.');
      if (topic.delivery === 'durable') await store(topic.subject, message, options?.id);
      else broadcast(topic.subject, message);
    },
    async subscribe<T>(topic: Topic<T>, handle: Handle<T>, options?: SubscribeOptions) {
      if (closed) throw new FlotillaError('unavailable', 'The bus is closed.');
      const leave = topic.delivery === 'durable' ? consume(topic, handle, options?.consumer) : listen(topic, handle);
      const subscription: Subscription = {
        close() {
          open.delete(subscription);
          return leave();
        },
      };
      open.add(subscription);
      return subscription;
    },
    ready: () => !closed,
    async close() {
      closed = true;
      await Promise.all([...open].map((subscription) => subscription.close()));
    },
  };
}

function handledByAll(consumers: Iterable<MemoryConsumer>, sequence: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = 1;
    const settled = () => {
      open -= 1;
      if (open > 0) return;
      timer.cancel();
      resolve();
    };
    const timer = clock.after(handledWithinMs, () => {
      reject(new FlotillaError('unavailable', 'The event was not handled in time.'));
    });
    for (const consumer of consumers) if (consumer.onHandled(sequence, settled)) open += 1;
    settled();
  });
}
