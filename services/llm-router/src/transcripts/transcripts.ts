import { within, type Clock, type PlatformFile } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { RouterConfig } from '../config.ts';
import { LineQueue } from './line-queue.ts';
import { RotatingFile } from './rotating-file.ts';
import { TranscriptLayer } from './transcript-layer.ts';

const log = logger('llm-router');

/** Milliseconds that a stop waits for the disk. */
const closeMs = 3_000;

/** The transcripts of a router that writes them. */
export class Transcripts {
  readonly layer: TranscriptLayer;
  readonly #queue: LineQueue;
  readonly #clock: Clock;

  constructor(path: string, config: RouterConfig, clock: Clock, file: () => PlatformFile) {
    this.#clock = clock;
    this.#queue = new LineQueue(
      new RotatingFile(path, config.transcriptsMaxBytes, config.transcriptsKeep),
      config.transcriptsQueueBytes,
    );
    this.layer = new TranscriptLayer({
      ...{ clock, file, prompts: config.transcriptsPrompts },
      write: (line) => this.#queue.push(line),
    });
  }

  /** Writes what waits, for some seconds at most. */
  async close(): Promise<void> {
    try {
      await within(this.#clock, closeMs, this.#queue.close());
    } catch (error) {
      log.warn('the last transcripts were not written', { error });
    }
  }
}
