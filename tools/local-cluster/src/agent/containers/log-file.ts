import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

/** A log takes at most twice this: the file, and the one before it (`.1`). Bytes. */
const fileLimit = 8 * 1024 * 1024;
/** What kubelet takes of a log as a termination message. */
const tailLimit = { bytes: 2_048, lines: 80 };

/** What a container writes, over its restarts. */
export class LogFile {
  readonly file: string;
  #descriptor: number;
  #size = 0;
  #tail = Buffer.alloc(0);

  constructor(file: string) {
    this.file = file;
    mkdirSync(path.dirname(file), { recursive: true });
    this.#descriptor = openSync(file, 'w');
  }

  write(chunk: Buffer): void {
    if (this.#size + chunk.length > fileLimit && this.#size > 0) {
      closeSync(this.#descriptor);
      renameSync(this.file, `${this.file}.1`);
      this.#descriptor = openSync(this.file, 'w');
      this.#size = 0;
    }
    writeSync(this.#descriptor, chunk);
    this.#size += chunk.length;
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailLimit.bytes);
  }

  /** The last lines since this was asked to forget. */
  get lastLines(): string {
    return this.#tail.toString().split('\n').slice(-tailLimit.lines).join('\n').trim();
  }

  forgetLastLines(): void {
    this.#tail = Buffer.alloc(0);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
