import type { Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Topic } from './bus.ts';
import { deliver, redeliveryPauseMs, type Handle } from './delivery.ts';
import { finished } from './finished.ts';
import { ackWaitMs } from './nats-stream.ts';

/** Events fetched ahead by one subscriber. They wait unacknowledged, so few: a slow handler must reach the last within the ack wait. */
export const fetchAhead = 32;

const log = logger('bus');

/** One subscriber of a durable consumer on the server: handles its events one after another and acknowledges each. */
export class NatsConsumer<T> {
  readonly #topic: Topic<T>;
  readonly #name: string;
  readonly #messages: ConsumerMessages;
  readonly #handle: Handle<T>;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;
  #closing = false;

  constructor(topic: Topic<T>, name: string, messages: ConsumerMessages, handle: Handle<T>, clock: Clock) {
    this.#topic = topic;
    this.#name = name;
    this.#messages = messages;
    this.#handle = handle;
    this.#clock = clock;
    this.#ended = this.#run();
  }

  /** Lets the handler under way finish, and gives back what was fetched ahead. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#messages.stop();
    await finished(this.#ended, this.#stopped, this.#clock);
  }

  async #run(): Promise<void> {
    try {
      for await (const message of this.#messages) {
        if (this.#closing) message.nak();
        else await this.#settle(message);
      }
    } catch (error) {
      if (!this.#closing)
        log.error('a durable consumer ended', { subject: this.#topic.subject, consumer: this.#name, error });
    }
  }

  async #settle(message: JsMsg): Promise<void> {
    const { subject, type } = this.#topic;
    const id = message.headers?.get('Nats-Msg-Id') || undefined;
    let event: T;
    try {
      event = type.decode(message.data);
    } catch (error) {
      log.error('an event cannot be read and is given up', { subject, consumer: this.#name, id, error });
      message.term('not decodable');
      return;
    }
    const attempt = message.info.deliveryCount;
    const working = this.#clock.every(ackWaitMs / 3, () => message.working());
    const context = { subject, id, attempt, signal: this.#stopped.signal };
    const trace = message.headers?.get('traceparent');
    const ok = await deliver(this.#topic, this.#name, trace, event, context, this.#handle);
    working.cancel();
    if (ok) message.ack();
    else message.nak(redeliveryPauseMs(attempt));
  }
}
