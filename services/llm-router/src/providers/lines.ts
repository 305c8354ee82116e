import { malformedFailure } from './engine-errors.ts';

/** The longest line taken, in bytes: far above any delta; a whole tool call with its arguments fits. */
const maxLine = 1 << 20;
const newline = 10;
const carriageReturn = 13;

/**
 * Bytes, however they are cut, into lines of text without their LF or CRLF. Lines are cut as bytes, where no part of a
 * UTF-8 sequence looks like a line end, so that a character in two reads stays whole.
 */
export class LineSplitter {
  readonly #line: (text: string) => void;
  #partial: Buffer[] = [];
  #partialBytes = 0;

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  write(bytes: Buffer): void {
    let start = 0;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, start)) {
      if (this.#partialBytes > 0) {
        this.#keep(bytes.subarray(start, at));
        this.#flush();
      } else {
        const end = at > start && bytes[at - 1] === carriageReturn ? at - 1 : at;
        this.#line(bytes.toString('utf8', start, end));
      }
      start = at + 1;
    }
    if (start < bytes.length) this.#keep(Buffer.from(bytes.subarray(start)));
  }

  /** A last line without its end. */
  end(): void {
    if (this.#partialBytes > 0) this.#flush();
  }

  #keep(bytes: Buffer): void {
    this.#partialBytes += bytes.length;
    if (this.#partialBytes > maxLine) throw malformedFailure('a line that is too long');
    this.#partial.push(bytes);
  }

  #flush(): void {
    const line = this.#partial.length === 1 ? this.#partial[0]! : Buffer.concat(this.#partial);
    this.#partial = [];
    this.#partialBytes = 0;
    this.#line(line.toString('utf8', 0, line.at(-1) === carriageReturn ? line.length - 1 : line.length));
  }
}
