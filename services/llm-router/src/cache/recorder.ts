import type { GenerateEvents } from '../generation/plan.ts';
import type { KeptAnswer } from './kept-answer.ts';
import { Recording } from './recording.ts';

type Result = Awaited<ReturnType<GenerateEvents['next']>>;

export interface RecorderOptions {
  readonly events: GenerateEvents;
  /** The longest answer that is kept, in UTF-16 units. */
  readonly maxLength: number;
  /** Called at the first `next`. */
  onBegin(): void;
  /** Called once, at the end: with the answer if there is one that may be said again, and the id of its engine. */
  onEnd(answer: KeptAnswer | undefined, engine: string): void;
}

/** Passes on an answer and listens to it. Leaving it ends the answer at once. */
export class Recorder implements GenerateEvents {
  readonly #options: RecorderOptions;
  readonly #recording: Recording;
  #phase: 'new' | 'running' | 'over' = 'new';

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#recording = new Recording(options.maxLength);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#phase === 'new') {
      this.#phase = 'running';
      this.#options.onBegin();
    }
    return this.#options.events.next().then(this.#passOn, this.#failed);
  }

  return(): Promise<Result> {
    this.#end(undefined);
    return this.#options.events.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  readonly #passOn = (result: Result): Result => {
    if (this.#phase !== 'running') return result;
    if (result.done) this.#end(undefined);
    else if (result.value.event?.$case !== 'finished') this.#recording.hear(result.value.event);
    else this.#end(this.#recording.whole(result.value.event.value.usage));
    return result;
  };

  readonly #failed = (error: unknown): never => {
    this.#end(undefined);
    throw error;
  };

  #end(answer: KeptAnswer | undefined): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'over';
    this.#options.onEnd(answer, this.#recording.engine);
  }
}
