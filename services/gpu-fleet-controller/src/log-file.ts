import { closeSync, copyFileSync, fstatSync, mkdirSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { LogTail } from './log-tail.ts';

/** How much of a file's end is read for its last lines, bytes. */
const tailBytes = 16 * 1024;

/**
 * What a process writes, on disk: the process holds the file itself, so that it can write on when the controller is gone.
 * Past `maxBytes` the file is copied to `<file>.1` and begun anew; the two together are what is kept.
 */
export class LogFile {
  readonly name: string;
  private readonly file: string;
  private begunAt = 0;

  constructor(
    folder: string,
    id: string,
    private readonly maxBytes: number,
  ) {
    this.name = `${id.replaceAll(/[^\w.-]+/g, '-')}.log`;
    this.file = path.join(folder, this.name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Gives what opens it for a process that is being started; whoever asks closes it. */
  open(): number {
    this.trim();
    const descriptor = openSync(this.file, 'a', 0o600);
    this.begunAt = fstatSync(descriptor).size;
    return descriptor;
  }

  /** Begins it anew when it is too long. Lines that are written meanwhile may be lost. */
  trim(): void {
    try {
      if (statSync(this.file).size <= this.maxBytes) return;
      copyFileSync(this.file, `${this.file}.1`);
      truncateSync(this.file);
      this.begunAt = 0;
    } catch {
      // It is not there, or the disk is full: the engine is worth more than its log.
    }
  }

  /** The last lines since it was last opened. */
  lines(): readonly string[] {
    const tail = new LogTail();
    let descriptor: number | undefined;
    try {
      descriptor = openSync(this.file, 'r');
      const { size } = fstatSync(descriptor);
      const from = Math.max(this.begunAt, size - tailBytes);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      tail.add(bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, from)));
    } catch {
      // Without it there are no lines.
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
    return tail.lines();
  }
}
