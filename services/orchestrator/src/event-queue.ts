import type { chat, orchestrator } from '@flotilla/contracts';

type ChatEvent = orchestrator.ChatEvent;

/**
 * Events on their way to the client, in order. Choices that wait travel together as one event. Its producer asks `room`
 * before it reads on, so it holds a little more than `bound` events at most.
 */
export class EventQueue {
  readonly #bound: number;
  #events: ChatEvent[] = [];
  #head = 0;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  /** Pieces of the event at the end, while nobody has read it. */
  #open: chat.Choice[] | undefined;
  #pieces = 0;
  #ended = false;
  #error: unknown;
  /** A choice was handed over: from here on a failure is an event. */
  begun = false;

  constructor(bound: number) {
    this.#bound = bound;
  }

  push(event: ChatEvent): void {
    if (this.#ended) return;
    this.#open = undefined;
    this.#add(event);
  }

  pushChoice(choice: chat.Choice): void {
    if (this.#ended) return;
    this.begun = true;
    this.#pieces += 1;
    if (this.#open !== undefined) {
      this.#open.push(choice);
      return;
    }
    const choices = [choice];
    this.#add({ event: { $case: 'choices', value: { choices } } });
    this.#open = choices;
  }

  /** Nothing more comes. What waits is still read; with an error it is thrown after that. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
    this.#wakeWriter?.();
  }

  /** The next event; undefined at the end. */
  async next(): Promise<ChatEvent | undefined> {
    while (this.#head === this.#events.length) {
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    const event = this.#events[this.#head]!;
    this.#head += 1;
    if (this.#head === this.#events.length) {
      this.#events = [];
      this.#head = 0;
      this.#open = undefined;
      this.#pieces = 0;
      this.#wakeWriter?.();
    }
    return event;
  }

  /** Resolves when there is room, or nobody reads any more; undefined when there is at once. */
  room(): Promise<void> | undefined {
    if (this.#ended || (this.#events.length < this.#bound && this.#pieces < this.#bound)) return undefined;
    return new Promise((resolve) => {
      this.#wakeWriter = () => {
        this.#wakeWriter = undefined;
        resolve();
      };
    });
  }

  #add(event: ChatEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}
