import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('llm-router');

/** Templates that are kept; those of real models have 0.5 to 10 kB. */
const maxKept = 256;
const maxCharacters = 256 << 10;
/** Milliseconds after which a template is read again. */
const freshMs = 5_000;

interface Kept {
  readonly text: string | undefined;
  readonly readAt: number;
}

/** Chat templates by name: the files `<name>.jinja` of a folder, read anew when they are asked for and some seconds old. */
export class Templates {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #reading = new Map<string, Promise<string | undefined>>();

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** The text; undefined: there is none. A promise only where it must be read first. */
  find(name: string): string | undefined | Promise<string | undefined> {
    // A name is no path.
    if (!/^[a-z0-9][\w.-]{0,127}$/i.test(name)) return undefined;
    const kept = this.#kept.get(name);
    if (kept && this.#clock.monotonic() - kept.readAt < freshMs) return kept.text;
    const reading = this.#reading.get(name) ?? this.#read(name);
    // One that was there serves on while it is read again.
    return kept?.text ?? reading;
  }

  #read(name: string): Promise<string | undefined> {
    const reading = readTemplate(path.join(this.#folder, `${name.replace(/\.jinja$/, '')}.jinja`)).then((text) => {
      this.#reading.delete(name);
      if (this.#kept.size >= maxKept) this.#kept.clear();
      this.#kept.set(name, { text, readAt: this.#clock.monotonic() });
      return text;
    });
    this.#reading.set(name, reading);
    return reading;
  }
}

async function readTemplate(file: string): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.trim() !== '' && text.length <= maxCharacters) return text;
    log.warn('a chat template is empty or too large', { file, characters: text.length });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn('a chat template cannot be read', { file, error });
  }
  return undefined;
}
