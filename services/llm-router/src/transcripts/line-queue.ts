import { counter, logger } from '@flotilla/telemetry';

const log = logger('llm-router');

const transcripts = counter({
  name: 'flotilla_router_transcripts_total',
  description: 'Lines of the transcripts, by what became of them',
  unit: '{line}',
});

export interface Lines {
  append(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Lines on their way to a file: at most `maxCharacters` wait, what is more is dropped and counted. Nobody waits for the disk. */
export class LineQueue {
  readonly #file: Lines;
  readonly #maxCharacters: number;
  #waiting: string[] = [];
  #characters = 0;
  #writing: Promise<void> | undefined;
  #failing = false;

  constructor(file: Lines, maxCharacters: number) {
    this.#file = file;
    this.#maxCharacters = maxCharacters;
  }

  push(line: string): void {
    if (this.#characters + line.length > this.#maxCharacters) {
      transcripts.add(1, { outcome: 'dropped' });
      return;
    }
    this.#waiting.push(line);
    this.#characters += line.length;
    this.#writing ??= this.#write();
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    // Lines of the same moment go out as one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      const characters = this.#characters;
      this.#waiting = [];
      try {
        await this.#file.append(lines);
        transcripts.add(lines.length, { outcome: 'written' });
        this.#failing = false;
      } catch (error) {
        transcripts.add(lines.length, { outcome: 'failed' });
        if (!this.#failing) log.error('transcripts cannot be written', { error, lines: lines.length });
        this.#failing = true;
      }
      this.#characters -= characters;
    }
    this.#writing = undefined;
  }
}
