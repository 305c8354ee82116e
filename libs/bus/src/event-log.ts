/** A durable event in memory. */
export interface StoredEvent {
  readonly sequence: number;
  readonly id: string | undefined;
  readonly message: unknown;
  readonly trace: string | undefined;
}

/** Ids that are remembered at most; the oldest are forgotten before their time. */
const maxIds = 100_000;

/**
 * The events of one subject, numbered from 1, oldest first. Ids are remembered for `windowMs`; events are kept until
 * `trim` lets go of them.
 */
export class EventLog {
  #events: StoredEvent[] = [];
  /** How many of `#events`, from the front, are let go of. */
  #gone = 0;
  #sequence = 0;
  /** In order of arrival. */
  readonly #ids = new Map<string, { at: number; sequence: number }>();
  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get size(): number {
    return this.#events.length - this.#gone;
  }
  /** The sequence of the newest event; 0 before the first. */
  get last(): number {
    return this.#sequence;
  }
  /** The sequence of the oldest event that is kept, or of the next to come. */
  get first(): number {
    return this.#sequence - this.size + 1;
  }

  /** The sequence of the event, or of the one of the same id that came within the window and stands for it. */
  append(
    message: unknown,
    id: string | undefined,
    trace: string | undefined,
    now: number,
  ): { sequence: number; duplicate: boolean } {
    for (const [known, { at }] of this.#ids) {
      if (now - at < this.#windowMs && this.#ids.size < maxIds) break;
      this.#ids.delete(known);
    }
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known) return { sequence: known.sequence, duplicate: true };
    this.#sequence += 1;
    if (id !== undefined) this.#ids.set(id, { at: now, sequence: this.#sequence });
    this.#events.push({ sequence: this.#sequence, id, message, trace });
    return { sequence: this.#sequence, duplicate: false };
  }

  at(sequence: number): StoredEvent | undefined {
    return sequence < this.first ? undefined : this.#events[this.#gone + sequence - this.first];
  }

  /** Lets go of events before `sequence`, but keeps the newest `keep`. */
  trim(sequence: number, keep: number): void {
    const count = Math.min(sequence - this.first, this.size - keep);
    if (count <= 0) return;
    this.#gone += count;
    // Moving the rest to the front costs its length: done when at least half is gone, a constant per event.
    if (this.#gone * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#gone);
      this.#gone = 0;
    }
  }
}
