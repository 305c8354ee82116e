import type { chat, router } from '@flotilla/contracts';
import { FlotillaError, isErrorCode, toFlotillaError, type ErrorCode } from '@flotilla/kernel';
import type { EventQueue } from './event-queue.ts';
import { ChoiceGuard, emptyChoice, type GuardOptions } from './output-guard.ts';
import { uncheckedNotice } from './safety-policy.ts';
import type { TurnRecord } from './turn-record.ts';

export interface GenerationOptions {
  readonly events: AsyncIterable<router.GenerateEvent>;
  readonly queue: EventQueue;
  readonly record: TurnRecord;
  readonly guard: GuardOptions;
  /** Citations and notices: they go out after the answerer and before the first choice. */
  readonly preamble: () => void;
  /** The client was told already that safety did not check. */
  readonly told: boolean;
}

/** Pieces of one choice that may wait for the guard; beyond it the engine is not read on. */
const MAX_UNGUARDED = 1_024;

interface Lane {
  readonly guard: ChoiceGuard;
  /** Pieces that held something: an engine that streams sends at most one token in a piece. */
  tokens: number;
  /** Has its finish reason, or was ended by us. */
  finished: boolean;
}

/**
 * Reads an engine's answer, guards its text and queues what may go out. It ends the queue: after the answer, with an error
 * that came before the first choice, or after a failure event. The engine is aborted when every choice was ended by
 * a rule or by the grant.
 */
export class Generation {
  readonly #options: GenerationOptions;
  readonly #lanes: Lane[] = [];
  readonly #iterator: AsyncIterator<router.GenerateEvent>;
  #stopped = false;
  #stopReading: (() => void) | undefined;
  #blocked = false;
  #failure: unknown;
  #told: boolean;
  #introduced = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.#told = options.told;
    this.#iterator = options.events[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    const { queue } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#stopReading = resolve;
        this.#read().then(resolve, reject);
      });
      for (const lane of this.#lanes) await lane?.guard.flush();
      if (this.#failure !== undefined) throw this.#failure;
      queue.end();
    } catch (error) {
      await this.#fail(toFlotillaError(error));
    }
  }

  /** How the answer ended, once the queue has: `filtered` when a rule ended a choice. */
  get outcome(): 'completed' | 'filtered' {
    return this.#blocked ? 'filtered' : 'completed';
  }

  /** Aborts the engine; what was read is still released. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    // The engine is told; whether it has ended is nothing to wait for.
    this.#iterator.return?.().catch(() => undefined);
    this.#stopReading?.();
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const room = this.#options.queue.room();
      if (room) await room;
      for (const lane of this.#lanes) if (lane && lane.guard.waiting > MAX_UNGUARDED) await lane.guard.idle();
      let result: IteratorResult<router.GenerateEvent>;
      try {
        result = await this.#iterator.next();
      } catch (error) {
        if (this.#stopped) return;
        throw error;
      }
      if (this.#stopped) return;
      if (result.done) throw new FlotillaError('engine_error', 'The engine ended the answer without finishing it.');
      if (this.#take(result.value.event)) return;
    }
  }

  /** True at the end of the answer. */
  #take(event: router.GenerateEvent['event']): boolean {
    const { queue, record } = this.#options;
    switch (event?.$case) {
      case undefined:
        return false;
      case 'choices':
        this.#introduce();
        record.usedSoFar = event.value.usage;
        for (const choice of event.value.choices) this.#choice(choice);
        return false;
      case 'answerer':
        record.answerer = event.value;
        queue.push({ event: { $case: 'answerer', value: event.value } });
        this.#introduce();
        return false;
      case 'waiting':
        queue.push({ event: { $case: 'waiting', value: event.value } });
        return false;
      case 'notice':
        queue.push({ event: { $case: 'notice', value: event.value } });
        return false;
      case 'failure':
        throw new FlotillaError(knownCode(event.value.code), event.value.message);
      case 'finished':
        record.usage = event.value.usage;
        this.#readOut();
        return true;
      default:
        return event satisfies never;
    }
  }

  /** Lets the call end by itself: one that is left counts as cancelled, and a cancellation is not free. */
  #readOut(): void {
    this.#stopped = true;
    this.#iterator.next().catch(() => undefined);
  }

  #introduce(): void {
    if (this.#introduced) return;
    this.#introduced = true;
    this.#options.preamble();
  }

  #choice(choice: chat.Choice): void {
    const lane = (this.#lanes[choice.index] ??= this.#newLane(choice.index));
    if (lane.finished) return;
    const { request } = this.#options.record;
    if (request.stream && request.maxTokens > 0 && holdsToken(choice) && ++lane.tokens > request.maxTokens) {
      lane.guard.push({ ...cut, index: choice.index });
      this.#finish(lane);
      return;
    }
    this.#options.record.generated(choice);
    lane.finished = choice.finishReason !== '';
    lane.guard.push(choice);
  }

  #newLane(index: number): Lane {
    const { queue, record, guard } = this.#options;
    return {
      tokens: 0,
      finished: false,
      guard: new ChoiceGuard(index, guard, {
        release: (choice) => queue.pushChoice(choice),
        unchecked: () => {
          record.safety = 'unchecked';
          if (this.#told) return;
          this.#told = true;
          queue.push({ event: { $case: 'notice', value: uncheckedNotice } });
        },
        blocked: (blocked) => {
          this.#blocked = true;
          queue.pushChoice({ ...filtered, index: blocked.index });
          this.#finish(this.#lanes[blocked.index]!);
        },
        failed: (error) => {
          this.#failure ??= error;
          this.stop();
        },
      }),
    };
  }

  /** Ended by us: when all choices are, the engine works for nobody. */
  #finish(lane: Lane): void {
    lane.finished = true;
    const expected = Math.max(1, this.#options.record.request.choices);
    if (this.#lanes.filter((each) => each?.finished).length >= expected) this.stop();
  }

  async #fail(error: FlotillaError): Promise<void> {
    const { queue } = this.#options;
    this.stop();
    if (this.#failure === undefined) for (const lane of this.#lanes) await lane?.guard.flush();
    if (!queue.begun) return queue.end(error);
    queue.push({ event: { $case: 'failure', value: { code: error.code, message: error.message } } });
    queue.end();
  }
}

const holdsToken = ({ content, reasoning, toolCallsJson }: chat.Choice) =>
  content !== '' || reasoning !== '' || toolCallsJson !== '';

function knownCode(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'engine_error';
}

const cut: chat.Choice = { ...emptyChoice, finishReason: 'length' };
const filtered: chat.Choice = { ...emptyChoice, finishReason: 'content_filter' };
