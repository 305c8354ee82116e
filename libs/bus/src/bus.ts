/** How a fact travels. `broadcast`: to every listener there is now, at most once. `durable`: at least once to each named consumer. */
export type Delivery = 'broadcast' | 'durable';

/** A kind of event: its subject, its delivery and its codec (a generated proto message). */
export interface Topic<T> {
  readonly subject: string;
  readonly delivery: Delivery;
  readonly type: { encode(message: T): { finish(): Uint8Array }; decode(input: Uint8Array): T };
}

export interface PublishOptions {
  /** Durable topics: a second publish with the same id within the stream's window (2 minutes) is dropped. */
  id?: string;
}

export interface SubscribeOptions {
  /**
   * Durable topics: the consumer's name. Subscribers of one name share the events; each name sees all of them, also
   * those published while it was away.
   */
  consumer?: string;
}

export interface EventContext {
  readonly subject: string;
  readonly id: string | undefined;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly signal: AbortSignal;
}

export interface Subscription {
  close(): Promise<void>;
}

export interface Bus {
  /** Durable: resolves when the event is stored; throws `unavailable` when that cannot be said within 5 s. Broadcast: resolves when sent. */
  publish<T>(topic: Topic<T>, message: T, options?: PublishOptions): Promise<void>;
  /**
   * Durable: a handler that throws gets the event again, with growing pauses (at most 30 s). Broadcast: a throw is logged.
   * Handlers of one subscription run one after another.
   */
  subscribe<T>(
    topic: Topic<T>,
    handle: (message: T, context: EventContext) => Promise<void> | void,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  ready(): boolean;
  /** Finishes handlers under way, then closes. */
  close(): Promise<void>;
}
