import { malformedFailure } from './engine-errors.ts';
import { LineSplitter } from './lines.ts';

/** The most text of one event, in UTF-16 units. */
const maxEvent = 4 << 20;

/**
 * Server-sent events as engines send them (WHATWG HTML §9.2, without the bare CR as a line end): the `data` of each event.
 * Comments, ids and event names are passed over.
 */
export class SseParser {
  readonly #lines: LineSplitter;
  readonly #event: (data: string) => void;
  #data: string | undefined;

  constructor(event: (data: string) => void) {
    this.#event = event;
    this.#lines = new LineSplitter((line) => this.#take(line));
  }

  write(bytes: Buffer): void {
    this.#lines.write(bytes);
  }

  /** Some engines leave out the blank line after the last event. */
  end(): void {
    this.#lines.end();
    this.#take('');
  }

  #take(line: string): void {
    if (line.length === 0) {
      const data = this.#data;
      if (data === undefined) return;
      this.#data = undefined;
      this.#event(data);
      return;
    }
    if (!line.startsWith('data')) return;
    let value: string;
    if (line.length === 4) value = '';
    else if (line[4] !== ':') return;
    else value = line.slice(line[5] === ' ' ? 6 : 5);
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    if (this.#data.length > maxEvent) throw malformedFailure('an event that is too long');
  }
}
