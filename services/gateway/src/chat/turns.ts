import type { common, orchestrator } from '@flotilla/contracts';
import type { Clock, ErrorCode } from '@flotilla/kernel';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import type { Admission, Grant } from '../admission/admission.ts';
import type { ChatBody } from './chat-body.ts';

/** An admitted chat. Its events flow when they are read. */
export interface Turn {
  /** `chatcmpl-…`, from the request's id. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly body: ChatBody;
  readonly grant: Grant;
  readonly events: AsyncIterable<orchestrator.ChatEvent>;
}

export interface TurnsOptions {
  orchestrator: Client<orchestrator.OrchestratorDefinition>;
  admission: Admission;
  clock: Clock;
  /** Milliseconds a whole chat may take. */
  timeoutMs: number;
  /** Chats under way at most. */
  maxConcurrent: number;
}

/** With these, tokens may have been generated: the orchestrator says what was used, not we. */
const mayHaveGenerated: ReadonlySet<ErrorCode> = new Set([
  'cancelled',
  'deadline_exceeded',
  'engine_error',
  'internal',
]);

/** Admits chats, hands them to the orchestrator, and knows how many are under way. */
export class Turns {
  #running = 0;
  #refusing = false;
  #idle: (() => void) | undefined;

  constructor(private readonly options: TurnsOptions) {}

  get running(): number {
    return this.#running;
  }

  /**
   * Admits a chat and runs `use` with it. Throws `overloaded` when too many are under way, `rate_limit_exceeded` when a
   * limit refuses, and whatever `use` throws.
   */
  async run<T>(
    caller: common.Caller,
    body: ChatBody,
    signal: AbortSignal,
    use: (turn: Turn) => Promise<T>,
  ): Promise<T> {
    const { clock, admission, maxConcurrent } = this.options;
    if (this.#refusing) throw new FlotillaError('unavailable', 'This gateway is shutting down. Try again.');
    if (this.#running >= maxConcurrent) throw new FlotillaError('overloaded');
    this.#running += 1;
    try {
      const grant = await admission.admit(caller, body, signal);
      const id = `chatcmpl-${caller.requestId.slice(caller.requestId.indexOf('_') + 1)}`;
      const created = Math.floor(clock.now() / 1_000);
      return await use({ id, created, body, grant, events: this.#events(caller, body, grant, signal) });
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#idle?.();
    }
  }

  /** Refuses new chats; resolves when none is under way or the signal aborts. */
  drain(signal: AbortSignal): Promise<void> {
    this.#refusing = true;
    if (this.#running === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async *#events(
    caller: common.Caller,
    body: ChatBody,
    grant: Grant,
    signal: AbortSignal,
  ): AsyncGenerator<orchestrator.ChatEvent> {
    const request: orchestrator.ChatRequest = {
      caller,
      model: body.model,
      messages: body.messages,
      parametersJson: body.parametersJson,
      maxTokens: grant.maxTokens,
      choices: body.choices,
      stream: body.stream,
      conversationId: body.conversationId,
      retrieval: body.retrieval,
      reservedTokens: grant.reservedTokens,
    };
    let begun = false;
    try {
      const { orchestrator, timeoutMs } = this.options;
      for await (const event of orchestrator.chat(request, { timeoutMs, signal })) {
        begun = true;
        yield event;
      }
    } catch (error) {
      if (!begun && !mayHaveGenerated.has(toFlotillaError(error).code)) this.options.admission.release(caller, grant);
      throw error;
    }
  }
}
