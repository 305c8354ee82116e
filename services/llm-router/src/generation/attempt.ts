import type { chat, common, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Engines } from './engines.ts';
import type { Event, Pieces } from './event-queue.ts';
import type { ModelMetrics } from './metrics.ts';
import { lateFailure, malformedFailure } from '../providers/engine-errors.ts';
import type { EngineCall, Receiver } from '../providers/exchange.ts';
import { EngineFailure, type AnswerDecoder } from '../providers/provider.ts';
import type { Target } from '../providers/target.ts';
import type { Seam } from './seam.ts';
import { addedUsage } from './usage.ts';

/** Bytes read from an engine that the caller has not taken yet, before reading stops until it does. */
const maxUnreadBytes = 64 << 10;

/** Who tries. After `completed` or `broke` an attempt says nothing more. */
export interface Trier {
  /** There are pieces from position `from` on, of so many bytes. */
  came(attempt: Attempt, from: number, bytes: number): void;
  completed(attempt: Attempt): void;
  broke(attempt: Attempt, failure: EngineFailure): void;
}

/** Where an attempt goes on with an answer. */
export interface Continuing {
  readonly seam: Seam;
  /** What was used before. */
  readonly used: common.Usage;
}

/** One try on one engine: what it was asked, and what it said that nobody took yet. Times are the clock's monotonic milliseconds. */
export class Attempt implements Receiver, Pieces {
  readonly target: Target;
  readonly metrics: ModelMetrics;
  readonly startedAt: number;
  /** Whether it said something: a role alone is no token yet. */
  begun = false;
  /** When it last sent something. */
  readAt: number;
  choices: chat.Choice[] = [];
  readonly #engines: Engines;
  readonly #stream: boolean;
  readonly #trier: Trier;
  readonly #continuing: Continuing | undefined;
  readonly #decoder: AnswerDecoder;
  #call: EngineCall | undefined;
  #closed = false;
  #unreadBytes = 0;
  #paused = false;

  constructor(
    engines: Engines,
    trier: Trier,
    target: Target,
    metrics: ModelMetrics,
    stream: boolean,
    continuing?: Continuing,
  ) {
    this.#engines = engines;
    this.#trier = trier;
    this.target = target;
    this.metrics = metrics;
    this.#stream = stream;
    this.#continuing = continuing;
    this.#decoder = target.answer(stream, !engines.config.suppressDecorations);
    this.startedAt = this.readAt = engines.clock.monotonic();
  }

  /** Asks the engine. Throws what the request cannot be made into; may tell of a failure before it returns. */
  start(request: router.GenerateRequest, headers: string[]): void {
    const call = this.#engines.client.generate(this.target, request, headers, this);
    this.#call = call;
    if (this.#closed) call.abort();
  }

  /** What the engine says it used, so far or in all, and what was used before. */
  get usage(): common.Usage | undefined {
    const { usage } = this.#decoder;
    return usage && this.#continuing ? addedUsage(this.#continuing.used, usage) : usage;
  }

  get systemFingerprint(): string {
    return this.#decoder.systemFingerprint;
  }

  take(): Event | undefined {
    if (!this.begun || this.choices.length === 0) return undefined;
    const { choices } = this;
    this.choices = [];
    this.#unreadBytes = 0;
    if (this.#paused) this.#resume();
    return { event: { $case: 'choices', value: { choices, usage: this.usage } } };
  }

  /** Reads no further while the caller does not either. */
  unread(bytes: number): void {
    this.#unreadBytes += bytes;
    if (this.#unreadBytes < maxUnreadBytes || this.#paused) return;
    this.#paused = true;
    this.#call?.pause();
  }

  /** Why it takes too long, if it does: to its first token, or from one to the next. */
  late(now: number): EngineFailure | undefined {
    const { firstTokenTimeoutMs, idleTimeoutMs } = this.target.limits;
    if (!this.#stream || this.#paused) return undefined;
    if (!this.begun && now - this.startedAt > firstTokenTimeoutMs) {
      return lateFailure(`The engine sent no token within ${firstTokenTimeoutMs / 1_000} s.`, true);
    }
    if (!this.begun || now - this.readAt <= idleTimeoutMs) return undefined;
    const text = `The engine sent nothing for ${idleTimeoutMs / 1_000} s.`;
    return new EngineFailure(new FlotillaError('deadline_exceeded', text), { failover: true });
  }

  /** Ends it, so that the engine stops at once. */
  abort(): void {
    this.#closed = true;
    this.#call?.abort();
  }

  data(bytes: Buffer): void {
    const from = this.choices.length;
    let failure: EngineFailure | undefined;
    try {
      this.#decoder.write(bytes, this.choices);
    } catch (error) {
      failure = asFailure(error);
    }
    // What stood before an error in the same read was said, and goes out first.
    this.#came(from, bytes.length, failure);
    if (!this.#closed && this.#decoder.done) this.#complete();
  }

  end(): void {
    const from = this.choices.length;
    let failure: EngineFailure | undefined;
    try {
      this.#decoder.end(this.choices);
    } catch (error) {
      failure = asFailure(error);
    }
    this.#came(from, 0, failure);
    if (!this.#closed) this.#complete();
  }

  fail(failure: EngineFailure): void {
    this.abort();
    this.#trier.broke(this, failure);
  }

  #came(from: number, bytes: number, failure: EngineFailure | undefined): void {
    try {
      this.#continuing?.seam.apply(this.choices, from);
    } catch (error) {
      this.choices.length = from;
      failure ??= asFailure(error);
    }
    if (this.choices.length > from) {
      this.readAt = this.#engines.clock.monotonic();
      this.#trier.came(this, from, bytes);
    }
    if (failure && !this.#closed) this.fail(failure);
  }

  #complete(): void {
    this.#closed = true;
    this.#call?.release();
    this.#trier.completed(this);
  }

  #resume(): void {
    this.#paused = false;
    this.readAt = this.#engines.clock.monotonic();
    this.#call?.resume();
  }
}

function asFailure(error: unknown): EngineFailure {
  return typeof error === 'object' && error !== null && error instanceof EngineFailure
    ? error
    : malformedFailure('an answer that cannot be read', error);
}
