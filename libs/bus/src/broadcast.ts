import type { Clock } from '@flotilla/kernel';
import type { Topic } from './bus.ts';
import { countLost, deliver, type Handle } from './delivery.ts';
import { finished } from './finished.ts';

/** Broadcast events that may wait for one listener; above it the oldest is dropped and counted. */
const maxWaiting = 10_000;

interface Waiting {
  readonly message: unknown;
  readonly trace: string | undefined;
}

/** One listener of a broadcast topic: takes events in order, one handler run after another, and never holds up the publisher. */
export class Listener<T> {
  readonly topic: Topic<T>;
  readonly #handle: Handle<T>;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #waiting: Waiting[] = [];
  #busy: Promise<void> | undefined;
  #closed = false;

  constructor(topic: Topic<T>, handle: Handle<T>, clock: Clock) {
    this.topic = topic;
    this.#handle = handle;
    this.#clock = clock;
  }

  offer(message: T, trace: string | undefined): void {
    if (this.#closed) return;
    if (this.#waiting.length >= maxWaiting) {
      this.#waiting.shift();
      countLost(this.topic.subject);
    }
    this.#waiting.push({ message, trace });
    this.#busy ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    await finished(this.#busy, this.#stopped, this.#clock);
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const context = { subject: this.topic.subject, id: undefined, attempt: 1, signal: this.#stopped.signal };
      await deliver(this.topic, undefined, next.trace, next.message as T, context, this.#handle);
    }
    this.#busy = undefined;
  }
}
