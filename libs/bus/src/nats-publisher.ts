import { FlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { createInbox, headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

/** Publishes that may wait for their answer at once; above it `publish` throws `overloaded`. */
const maxWaiting = 10_000;
/** How often overdue answers are looked for, in milliseconds. */
const sweepMs = 250;

interface Waiting {
  readonly resolve: (duplicate: boolean) => void;
  readonly reject: (error: Error) => void;
  /** Of the clock's monotonic time. */
  readonly until: number;
}

/** What JetStream answers to a publish. */
interface PublishAnswer {
  readonly duplicate?: boolean;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description: string };
}

/**
 * Publishes to JetStream and waits for its answer, as the client's own `publish` does, at half its cost: one inbox, one
 * timer and one promise, where the client makes several of each for every event.
 */
export class NatsPublisher {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #inbox = createInbox();
  readonly #waiting = new Map<string, Waiting>();
  readonly #sweeper: Timer;
  #count = 0;

  constructor(connection: NatsConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? undefined : this.#answered(message)),
    });
    this.#sweeper = clock.every(sweepMs, () => this.#sweep());
  }

  /** Resolves with whether the id was known already. Throws when the server refuses, or does not answer until then. */
  publish(subject: string, payload: Uint8Array, id: string | undefined, trace: string | undefined, until: number) {
    return new Promise<boolean>((resolve, reject) => {
      if (this.#waiting.size >= maxWaiting) {
        return reject(new FlotillaError('overloaded', 'Too many events are being published.'));
      }
      const reply = `${this.#inbox}.${(this.#count += 1)}`;
      this.#waiting.set(reply, { resolve, reject, until });
      try {
        this.#connection.publish(subject, payload, { reply, headers: eventHeaders(id, trace) });
      } catch (error) {
        this.#waiting.delete(reply);
        reject(error as Error);
      }
    });
  }

  close(): void {
    this.#sweeper.cancel();
    for (const { reject } of this.#waiting.values()) reject(new Error('the connection was closed'));
    this.#waiting.clear();
  }

  #answered(message: Msg): void {
    const waiting = this.#waiting.get(message.subject);
    if (!waiting) return;
    this.#waiting.delete(message.subject);
    // 503 without a body: no stream takes the subject, or JetStream is not up yet.
    if (message.data.length === 0) {
      waiting.reject(new Error(`no stream takes the event (status ${message.headers?.code ?? 0})`));
      return;
    }
    try {
      const { error, duplicate = false } = message.json<PublishAnswer>();
      if (error) waiting.reject(new Error(`${error.description} (${error.err_code ?? error.code})`));
      else waiting.resolve(duplicate);
    } catch (error) {
      waiting.reject(error as Error);
    }
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [reply, { reject, until }] of this.#waiting) {
      if (until > now) continue;
      this.#waiting.delete(reply);
      reject(new Error('no answer in time'));
    }
  }
}

/** Headers of an event: its id for the server's dedup window, and the trace it belongs to. */
export function eventHeaders(id: string | undefined, trace: string | undefined): MsgHdrs | undefined {
  if (id === undefined && trace === undefined) return undefined;
  const made = headers();
  if (id !== undefined) made.set('Nats-Msg-Id', id);
  if (trace !== undefined) made.set('traceparent', trace);
  return made;
}
