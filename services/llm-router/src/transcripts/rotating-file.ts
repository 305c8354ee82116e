import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** A file of lines that only its owner reads. At `maxBytes` it becomes `<file>.1`, that `<file>.2`, up to `keep`. */
export class RotatingFile {
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #keep: number;
  #handle: FileHandle | undefined;
  #inode: number | undefined;
  #size = 0;
  /** The last write broke off: its line may stand there half. */
  #torn = false;

  constructor(file: string, maxBytes: number, keep: number) {
    this.#file = path.resolve(file);
    this.#maxBytes = maxBytes;
    this.#keep = keep;
  }

  /** Writes the lines (without their line feeds), none over two files. Throws what the disk says; what came after is not written. */
  async append(lines: readonly string[]): Promise<void> {
    try {
      await this.#open();
      let from = 0;
      while (from < lines.length) {
        let text = this.#torn ? '\n' : '';
        let to = from;
        // A line that is longer than a file gets one of its own.
        while (to < lines.length && (this.#size + text.length === 0 || this.#fits(text, lines[to]!))) {
          text += `${lines[to]}\n`;
          to += 1;
        }
        if (to > from) await this.#write(text);
        else await this.#rotate();
        from = to;
      }
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #fits(text: string, line: string): boolean {
    return this.#size + Buffer.byteLength(text) + Buffer.byteLength(line) + 1 <= this.#maxBytes;
  }

  async #write(text: string): Promise<void> {
    this.#torn = true;
    await this.#handle!.appendFile(text);
    this.#torn = false;
    this.#size += Buffer.byteLength(text);
  }

  /** Somebody else may have set the file aside or deleted it: then it is begun anew. */
  async #open(): Promise<void> {
    if (this.#handle) {
      const there = await stat(this.#file).catch(() => undefined);
      if (there?.ino === this.#inode) return;
      await this.close();
    }
    await mkdir(path.dirname(this.#file), { recursive: true });
    const handle = await open(this.#file, 'a', 0o600);
    this.#handle = handle;
    await handle.chmod(0o600);
    const { ino, size } = await handle.stat();
    this.#inode = ino;
    this.#size = size;
  }

  async #rotate(): Promise<void> {
    await this.close();
    for (let number = this.#keep - 1; number >= 1; number -= 1) {
      await move(`${this.#file}.${number}`, `${this.#file}.${number + 1}`);
    }
    await move(this.#file, `${this.#file}.1`);
    this.#torn = false;
    await this.#open();
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
