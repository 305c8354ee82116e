import type { chat, orchestrator } from '@flotilla/contracts';
import { toFlotillaError, type Clock, type FlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, histogram, llmSeconds } from '@flotilla/telemetry';

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

type Answerer = Extract<orchestrator.ChatEvent['event'], { $case: 'answerer' }>;
type Waiting = Extract<orchestrator.ChatEvent['event'], { $case: 'waiting' }>;
type Finished = Extract<orchestrator.ChatEvent['event'], { $case: 'finished' }>;

function countTokens({ value: { usage } }: Finished): void {
  promptTokens.add(usage?.promptTokens ?? 0);
  completionTokens.add(usage?.completionTokens ?? 0);
}

/** An overloaded or broken platform, not a client that left or asked for what it may not have. */
export function isOurFault({ code, row }: FlotillaError): boolean {
  return row.http >= 500 && code !== 'cancelled';
}

export interface EngineAnswerOptions {
  readonly orchestrator: Client<orchestrator.OrchestratorDefinition>;
  readonly request: orchestrator.ChatRequest;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The first piece came, after so many milliseconds. */
  readonly onFirst: (ttftMs: number) => void;
  /** The call failed before anything of its answer came. */
  readonly onNothing: (error: FlotillaError) => void;
}

/** One answer of the orchestrator, asked for when it is first read, and what is known of it. */
export class EngineAnswer {
  /** It was asked for. */
  asked = false;
  failed = false;
  /** Milliseconds to the first piece. */
  ttftMs: number | undefined;
  /** A model had to be started for it: its time to the first piece says nothing of the load. */
  held = false;
  answerer: chat.Answerer | undefined;

  constructor(private readonly options: EngineAnswerOptions) {}

  async *events(): AsyncGenerator<orchestrator.ChatEvent> {
    const { orchestrator, request, clock, timeoutMs, signal } = this.options;
    const startedAt = clock.monotonic();
    let begun = false;
    this.asked = true;
    try {
      for await (const event of orchestrator.chat(request, { timeoutMs, signal })) {
        begun = true;
        const kind = event.event?.$case;
        if (kind === 'choices') {
          if (this.ttftMs === undefined) this.#first(clock.monotonic() - startedAt);
        } else if (kind === 'finished') countTokens(event.event as Finished);
        else if (kind === 'failure') this.failed = true;
        else if (kind === 'waiting') this.held ||= (event.event as Waiting).value.reason === 'model_starting';
        else if (kind === 'answerer') this.answerer = (event.event as Answerer).value;
        yield event;
      }
    } catch (thrown) {
      const error = toFlotillaError(thrown);
      this.failed = isOurFault(error);
      if (!begun) this.options.onNothing(error);
      throw thrown;
    }
  }

  #first(ms: number): void {
    const { request, onFirst } = this.options;
    this.ttftMs = ms;
    (request.stream ? firstToken : wholeAnswer).record(ms / 1_000);
    if (request.stream && !this.held) onFirst(ms);
  }
}
