import type { orchestrator, router } from '@flotilla/contracts';
import type { Clock, ErrorCode } from '@flotilla/kernel';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, histogram, llmSeconds } from '@flotilla/telemetry';
import type { Admission, Grant } from '../admission/admission.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ChatBody } from './chat-body.ts';

/** Who asks, and when they have left: an exchange, or one chat of a WebSocket. */
export type Asker = Pick<Exchange, 'caller' | 'identity' | 'signal'>;

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

/** Embeddings, and what was granted for them. */
export interface Embedded {
  readonly response: router.EmbedResponse;
  readonly grant: Grant;
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

const firstChoice = histogram({
  name: 'flotilla_gateway_time_to_first_choice_seconds',
  description: 'From the admission of a chat to the first piece of its answer; not streamed: to the whole answer',
  unit: 's',
  buckets: llmSeconds,
});
const firstToken = firstChoice.bind({ stream: 'true' });
const wholeAnswer = firstChoice.bind({ stream: 'false' });
const tokens = counter({
  name: 'flotilla_gateway_tokens_total',
  description: 'Tokens of finished chats as the engines counted them',
  unit: '{token}',
});
const promptTokens = tokens.bind({ type: 'input' });
const completionTokens = tokens.bind({ type: 'output' });

type Finished = Extract<orchestrator.ChatEvent['event'], { $case: 'finished' }>;

function countTokens({ value: { usage } }: Finished): void {
  promptTokens.add(usage?.promptTokens ?? 0);
  completionTokens.add(usage?.completionTokens ?? 0);
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

  constructor(private readonly options: TurnsOptions) {}

  /**
   * Admits a chat and runs `use` with it. Throws `overloaded` when too many are under way, `rate_limit_exceeded` when a
   * limit refuses, and whatever `use` throws.
   */
  async run<T>(asker: Asker, body: ChatBody, use: (turn: Turn) => Promise<T>): Promise<T> {
    this.#enter();
    try {
      const { clock, admission } = this.options;
      const { caller, signal } = asker;
      const grant = await admission.admit(caller, body, signal);
      const id = `chatcmpl-${caller.requestId.slice(caller.requestId.indexOf('_') + 1)}`;
      const created = Math.floor(clock.now() / 1_000);
      return await use({ id, created, body, grant, events: this.#events(asker, body, grant) });
    } finally {
      this.#running -= 1;
    }
  }

  /** Embeds under the same limits. Throws as `run` does, and what the orchestrator says. */
  async embed(asker: Asker, request: { model: string; inputs: string[] }): Promise<Embedded> {
    this.#enter();
    const { admission, orchestrator, timeoutMs } = this.options;
    const { caller, signal } = asker;
    try {
      const grant = await admission.admitInputs(caller, request.inputs, signal);
      const { reservedTokens } = grant;
      const asked = { request: { caller, ...request }, reservedTokens, leaseId: '' };
      try {
        return { grant, response: await orchestrator.embed(asked, { timeoutMs, signal }) };
      } catch (error) {
        if (!mayHaveGenerated.has(toFlotillaError(error).code)) admission.release(caller, grant);
        throw error;
      }
    } finally {
      this.#running -= 1;
    }
  }

  /** From now on there are no new chats. */
  refuse(): void {
    this.#refusing = true;
  }

  #enter(): void {
    if (this.#refusing) throw new FlotillaError('unavailable', 'This gateway is shutting down. Try again.');
    if (this.#running >= this.options.maxConcurrent) throw new FlotillaError('overloaded');
    this.#running += 1;
  }

  async *#events({ caller, signal }: Asker, body: ChatBody, grant: Grant): AsyncGenerator<orchestrator.ChatEvent> {
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
      leaseId: '',
      strictSubjects: [],
      operation: body.operation ?? 'chat',
    };
    const { orchestrator, timeoutMs, clock } = this.options;
    const startedAt = clock.monotonic();
    let begun = false;
    let answering = false;
    try {
      for await (const event of orchestrator.chat(request, { timeoutMs, signal })) {
        begun = true;
        const kind = event.event?.$case;
        if (kind === 'choices' && !answering) {
          answering = true;
          (body.stream ? firstToken : wholeAnswer).record((clock.monotonic() - startedAt) / 1_000);
        } else if (kind === 'finished') countTokens(event.event as Finished);
        yield event;
      }
    } catch (error) {
      if (!begun && !mayHaveGenerated.has(toFlotillaError(error).code)) this.options.admission.release(caller, grant);
      throw error;
    }
  }
}
