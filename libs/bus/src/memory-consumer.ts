import type { Clock, Timer } from '@flotilla/kernel';
import type { Topic } from './bus.ts';
import { deliver, maxUnsettled, redeliveryPauseMs, type Handle } from './delivery.ts';
import { finished } from './finished.ts';
import type { EventLog, StoredEvent } from './event-log.ts';

interface Retry {
  readonly event: StoredEvent;
  readonly attempt: number;
  /** Of the clock's monotonic time. */
  readonly dueAt: number;
}

/** One subscriber of a durable consumer. It handles one event at a time. */
interface Member {
  readonly handle: Handle<any>;
  readonly stopped: AbortController;
  closing: boolean;
  /** The event under way. */
  busy: Promise<void> | undefined;
}

/** A named consumer of one log: where it is, what comes again and who takes part. It outlives its members. */
export class MemoryConsumer {
  readonly #topic: Topic<any>;
  readonly #name: string;
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #members = new Set<Member>();
  readonly #underWay = new Set<number>();
  #retries: Retry[] = [];
  /** Publishers that wait until an event is handled, by its sequence. */
  readonly #waiting = new Map<number, Set<() => void>>();
  #next: number;
  #timer: Timer | undefined;

  constructor(topic: Topic<any>, name: string, log: EventLog, clock: Clock) {
    this.#topic = topic;
    this.#name = name;
    this.#log = log;
    this.#clock = clock;
    this.#next = log.first;
  }

  /** Every event before this sequence is done with. */
  get floor(): number {
    let floor = this.#next;
    for (const sequence of this.#underWay) floor = Math.min(floor, sequence);
    for (const { event } of this.#retries) floor = Math.min(floor, event.sequence);
    return floor;
  }

  join(handle: Handle<any>): () => Promise<void> {
    const member: Member = { handle, stopped: new AbortController(), closing: false, busy: undefined };
    this.#members.add(member);
    this.wake();
    return () => this.#leave(member);
  }

  /** Calls back once the event is handled, or nobody is here to handle it. False: that is so already. */
  onHandled(sequence: number, settled: () => void): boolean {
    const open =
      sequence >= this.#next ||
      this.#underWay.has(sequence) ||
      this.#retries.some((retry) => retry.event.sequence === sequence);
    if (!open || this.#members.size === 0) return false;
    let waiting = this.#waiting.get(sequence);
    if (!waiting) this.#waiting.set(sequence, (waiting = new Set()));
    waiting.add(settled);
    return true;
  }

  /** Gives what is due to members that are free. */
  wake(): void {
    for (const member of this.#members) {
      if (member.busy || member.closing) continue;
      const due = this.#take();
      if (!due) break;
      member.busy = this.#run(member, due.event, due.attempt);
    }
    this.#schedule();
  }

  #take(): { event: StoredEvent; attempt: number } | undefined {
    const now = this.#clock.monotonic();
    const index = this.#retries.findIndex((retry) => retry.dueAt <= now);
    if (index >= 0) return this.#retries.splice(index, 1)[0];
    if (this.#underWay.size + this.#retries.length >= maxUnsettled) return undefined;
    const event = this.#log.at(this.#next);
    if (event) this.#next += 1;
    return event && { event, attempt: 1 };
  }

  async #run(member: Member, event: StoredEvent, attempt: number): Promise<void> {
    this.#underWay.add(event.sequence);
    // The publisher goes on first: a handler never runs inside its call.
    await Promise.resolve();
    const context = { subject: this.#topic.subject, id: event.id, attempt, signal: member.stopped.signal };
    const ok = await deliver(this.#topic, this.#name, event.trace, event.message, context, member.handle);
    this.#underWay.delete(event.sequence);
    if (ok) {
      for (const settled of this.#waiting.get(event.sequence) ?? []) settled();
      this.#waiting.delete(event.sequence);
    } else {
      const dueAt = this.#clock.monotonic() + redeliveryPauseMs(attempt);
      this.#retries.push({ event, attempt: attempt + 1, dueAt });
    }
    member.busy = undefined;
    this.wake();
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    // Members that are busy wake us when they are done.
    const free = [...this.#members].some((member) => !member.busy && !member.closing);
    if (this.#retries.length === 0 || !free) return;
    const dueAt = this.#retries.reduce((earliest, retry) => Math.min(earliest, retry.dueAt), Infinity);
    this.#timer = this.#clock.after(Math.max(0, dueAt - this.#clock.monotonic()), () => this.wake());
  }

  async #leave(member: Member): Promise<void> {
    member.closing = true;
    await finished(member.busy, member.stopped, this.#clock);
    this.#members.delete(member);
    if (this.#members.size === 0) {
      for (const waiting of this.#waiting.values()) for (const settled of waiting) settled();
      this.#waiting.clear();
    }
    this.#schedule();
  }
}
