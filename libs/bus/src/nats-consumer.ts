import { sleep, type Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { Topic } from './bus.ts';
import { deliver, redeliveryPauseMs, type Handle } from './delivery.ts';
import { finished } from './finished.ts';

/** Events fetched ahead by one subscriber. They wait unacknowledged, so few: a slow handler must reach the last within the ack wait. */
export const fetchAhead = 64;
/** Before an interrupted consumer fetches again, in milliseconds. */
const refetchPauseMs = 250;

const log = logger('bus');

export interface NatsConsumerParts<T> {
  topic: Topic<T>;
  /** The consumer's name as its subscriber knows it. */
  name: string;
  /** Makes sure of the consumer on the server and begins to fetch its events. */
  fetch: () => Promise<ConsumerMessages>;
  handle: Handle<T>;
  /** As the consumer is set up on the server, in milliseconds. */
  ackWaitMs: number;
  clock: Clock;
}

/** One subscriber of a durable consumer on the server: handles its events one after another and acknowledges each. */
export class NatsConsumer<T> {
  readonly #parts: NatsConsumerParts<T>;
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;
  #messages: ConsumerMessages;
  #underWay: JsMsg | undefined;
  #settled: JsMsg[] = [];
  #closing = false;

  constructor(parts: NatsConsumerParts<T>, messages: ConsumerMessages) {
    this.#parts = parts;
    this.#messages = messages;
    this.#ended = this.#run();
  }

  /**
   * Fetches anew: after a reconnection the client itself would wait up to 30 s before it asks a server that was not ready at
   * once. What is on its way by then is taken first.
   */
  restart(): void {
    drain(this.#messages);
  }

  /** Lets the handler under way finish, and gives back what was fetched ahead. */
  async close(): Promise<void> {
    this.#closing = true;
    drain(this.#messages);
    await finished(this.#ended, this.#stopped, this.#parts.clock);
    await new Promise(setImmediate);
    this.#messages.stop();
  }

  async #run(): Promise<void> {
    const { ackWaitMs, clock } = this.#parts;
    // One timer for all: the server hears of a long handler at least twice within the ack wait.
    const working = clock.every(ackWaitMs / 3, () => this.#underWay?.working());
    await this.#consume();
    working.cancel();
  }

  async #consume(): Promise<void> {
    const { topic, name, fetch, clock } = this.#parts;
    for (;;) {
      try {
        for await (const message of this.#messages) {
          if (this.#closing) message.nak();
          else await this.#settle(message);
        }
        if (this.#closing) return;
        this.#messages = await fetch();
        if (this.#closing) this.#messages.stop();
      } catch (error) {
        if (this.#closing) return;
        log.warn('a durable consumer was interrupted', { subject: topic.subject, consumer: name, error });
        await sleep(clock, refetchPauseMs);
      }
    }
  }

  async #settle(message: JsMsg): Promise<void> {
    const { topic, name, handle } = this.#parts;
    const { subject, type } = topic;
    const id = message.headers?.get('Nats-Msg-Id') || undefined;
    let event: T;
    try {
      event = type.decode(message.data);
    } catch (error) {
      log.error('an event cannot be read and is given up', { subject, consumer: name, id, error });
      message.term('not decodable');
      return;
    }
    const attempt = message.info.deliveryCount;
    this.#underWay = message;
    const context = { subject, id, attempt, signal: this.#stopped.signal };
    const trace = message.headers?.get('traceparent');
    const ok = await deliver(topic, name, trace, event, context, handle);
    this.#underWay = undefined;
    if (ok) this.#acknowledge(message);
    else message.nak(redeliveryPauseMs(attempt));
  }

  /** Acknowledgements of one turn of the event loop go out in one write: a write each is half of what handling costs. */
  #acknowledge(message: JsMsg): void {
    if (this.#settled.push(message) > 1) return;
    setImmediate(() => {
      for (const settled of this.#settled.splice(0)) settled.ack();
    });
  }
}

/**
 * Asks for no more, but takes what is on its way. `stop` drops that, and it would come again only after the ack wait; the
 * client drains the subscription below when its connection drains, but has no public call for one consumer.
 */
function drain(messages: ConsumerMessages): void {
  const { sub } = messages as unknown as { sub?: NatsSubscription };
  if (!sub) return messages.stop();
  sub.drain().catch(() => messages.stop());
}
