import type { fleet } from '@flotilla/contracts';
import type { Clock, Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('llm-router');
/** Milliseconds an answer of the fleet may take. */
const timeoutMs = 5_000;
/** Milliseconds until the fleet is asked again after it did not answer; doubles up to the interval. */
const retryMs = 500;

export type ListEngines = (options: { timeoutMs: number; signal: AbortSignal }) => Promise<readonly fleet.Engine[]>;

/** `scope`: the part of the fleet whose engines these are; undefined: all there is. */
export type Take = (engines: readonly fleet.Engine[], scope?: string) => void;

/** Asks the fleet for its engines until it answers, and then at an interval. While it is away nothing changes. */
export class FleetWatch {
  readonly #list: ListEngines;
  readonly #take: Take;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ended = new AbortController();
  #timer: Timer | undefined;
  #pause = retryMs;
  #told = 0;

  constructor(list: ListEngines, take: Take, clock: Clock, intervalMs: number) {
    this.#list = list;
    this.#take = take;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  start(): void {
    void this.#ask();
  }

  stop(): void {
    this.#ended.abort();
    this.#timer?.cancel();
  }

  /** The fleet told of a change in one part of it by itself. An answer that was asked for before that is older, and dropped. */
  told(engines: readonly fleet.Engine[], scope: string): void {
    this.#told += 1;
    this.#take(engines, scope);
  }

  async #ask(): Promise<void> {
    const told = this.#told;
    let pause = this.#intervalMs;
    try {
      const engines = await this.#list({ timeoutMs, signal: this.#ended.signal });
      if (this.#ended.signal.aborted) return;
      if (told === this.#told) this.#take(engines);
      this.#pause = retryMs;
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      pause = Math.min(this.#pause, this.#intervalMs);
      this.#pause = pause * 2;
      log.debug('the fleet does not answer; the engines last known stay in use', { error });
    }
    this.#timer = this.#clock.after(pause, () => void this.#ask());
  }
}
