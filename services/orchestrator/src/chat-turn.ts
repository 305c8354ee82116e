import type { chat, common, orchestrator, router } from '@flotilla/contracts';
import {
  FlotillaError,
  toFlotillaError,
  type Clock,
  type Live,
  type ModelPrices,
  type PlatformFile,
  type Random,
} from '@flotilla/kernel';
import type { CallContext, Client } from '@flotilla/rpc';
import type { OrchestratorConfig } from './config.ts';
import { ContextReservation, type LimitsClient } from './context-reservation.ts';
import { EventQueue } from './event-queue.ts';
import { Generation } from './generation.ts';
import { withHistory } from './history.ts';
import { turns, turnSeconds } from './orchestrator.metrics.ts';
import { withPassages } from './passages.ts';
import { retrieve, type RagClient } from './retrieval.ts';
import { checkPrompt, uncheckedNotice, type SafetyClient } from './safety-policy.ts';
import type { TurnJournal } from './turn-journal.ts';
import { planTurn } from './turn-plan.ts';
import { TurnRecord } from './turn-record.ts';
import type { TurnStore } from './turn-store.ts';

export interface TurnParts {
  readonly config: OrchestratorConfig;
  readonly file: Live<PlatformFile>;
  readonly clock: Clock;
  readonly random: Random;
  readonly safety: SafetyClient;
  readonly rag: RagClient;
  readonly router: Client<typeof router.RouterDefinition>;
  readonly limiter: LimitsClient;
  readonly store: TurnStore;
  readonly journal: TurnJournal;
  readonly prices: ModelPrices;
}

type ChatEvent = orchestrator.ChatEvent;

const CONVERSATION_ID = /^[^\p{C}]{0,256}$/u;

/** Milliseconds that a reservation is held for a call without a deadline. */
const longestHoldMs = 600_000;

const within = (timeoutMs: number, context: CallContext) => ({
  timeoutMs: Math.min(timeoutMs, context.remainingMs()),
  signal: context.signal,
});

/** Carries out one chat call: history, safety ∥ documents, the answer under guard, and what is kept of it. */
export class ChatTurn {
  readonly #parts: TurnParts;
  readonly #request: orchestrator.ChatRequest;
  readonly #context: CallContext;
  readonly #caller: common.Caller;
  readonly #record: TurnRecord;
  #reserved: ContextReservation | undefined;

  constructor(parts: TurnParts, request: orchestrator.ChatRequest, context: CallContext) {
    if (!request.caller?.orgId || !request.caller.requestId)
      throw new FlotillaError('internal', 'The call has no caller.');
    if (request.messages.length === 0) {
      throw new FlotillaError('invalid_request', 'messages must not be empty.', { details: { param: 'messages' } });
    }
    if (!CONVERSATION_ID.test(request.conversationId)) {
      const message = 'conversation_id must be at most 256 printable characters.';
      throw new FlotillaError('invalid_request', message, { details: { param: 'flotilla.conversation_id' } });
    }
    this.#parts = parts;
    this.#request = request;
    this.#context = context;
    this.#caller = request.caller;
    this.#record = new TurnRecord(request, request.caller);
  }

  async *events(): AsyncGenerator<ChatEvent> {
    const { clock, config } = this.#parts;
    const { signal } = this.#context;
    const record = this.#record;
    const plan = planTurn(this.#request);
    const started = clock.monotonic();
    const queue = new EventQueue(config.bufferedEvents);
    const onLeave = () => queue.end(new FlotillaError('cancelled'));
    if (signal.aborted) onLeave();
    else signal.addEventListener('abort', onLeave, { once: true });
    let generation: Generation | undefined;
    // Until something else is known: the client may leave at any await.
    record.outcome = 'cancelled';
    let kept = false;
    try {
      generation = await this.#begin(queue, plan);
      void generation.run();
      for (let event = await queue.next(); event !== undefined; event = await queue.next()) {
        if (event.event?.$case === 'failure') {
          record.outcome = 'failed';
          kept = true;
          this.#keep();
        } else if (event.event?.$case === 'choices') record.delivered(event.event.value.choices);
        yield event;
      }
      if (kept) return;
      record.outcome = generation.outcome;
      kept = true;
      yield await this.#finish();
    } catch (cause) {
      const error = toFlotillaError(cause);
      if (record.outcome === 'cancelled' && !signal.aborted && error.code !== 'cancelled') record.outcome = 'failed';
      throw error;
    } finally {
      signal.removeEventListener('abort', onLeave);
      generation?.stop();
      if (!kept) this.#keep();
      this.#settleContext();
      turns.add(1, { plan: plan.kind, outcome: record.outcome });
      turnSeconds.record((clock.monotonic() - started) / 1_000, { outcome: record.outcome });
    }
  }

  /** Everything before the engine is asked. Throws when the prompt is refused. */
  async #begin(queue: EventQueue, plan: ReturnType<typeof planTurn>): Promise<Generation> {
    const { config, safety, rag, router, file } = this.#parts;
    const { messages, model, parametersJson, maxTokens, stream, conversationId, cache } = this.#request;
    const caller = this.#caller;
    const context = this.#context;
    const onTimeout = file.current.safety.on_timeout;
    const [verdict, retrieved, prompt] = await Promise.all([
      checkPrompt(safety, { caller, messages }, onTimeout, within(config.checkTimeoutMs, context)),
      retrieve(rag, plan, caller, within(config.retrievalTimeoutMs, context)),
      this.#prompt(),
    ]);
    if (verdict.kind === 'blocked') {
      this.#record.outcome = 'filtered';
      this.#record.safety = 'blocked';
      throw new FlotillaError('content_filter', verdict.message, { details: { param: 'messages' } });
    }
    this.#record.safety = verdict.kind;
    const passages = retrieved.kind === 'passages' ? retrieved.passages : [];
    this.#record.citations = passages;
    const asked = passages.length > 0 ? withPassages(prompt, passages) : prompt;
    this.#record.prompt = asked;
    await this.#reserveContext(asked);
    const notices: chat.Notice[] = [];
    if (retrieved.kind === 'skipped') notices.push(retrieved.notice);
    if (verdict.kind === 'unchecked') notices.push(uncheckedNotice);
    return new Generation({
      events: router.generate(
        { caller, model, messages: asked, parametersJson, maxTokens, stream, conversationId, cache },
        within(Infinity, context),
      ),
      queue,
      record: this.#record,
      guard: { client: safety, caller, onTimeout, timeoutMs: config.guardTimeoutMs, signal: context.signal },
      told: verdict.kind === 'unchecked',
      preamble: () => {
        if (passages.length > 0) queue.push({ event: { $case: 'citations', value: { citations: [...passages] } } });
        for (const value of notices) queue.push({ event: { $case: 'notice', value } });
      },
    });
  }

  /** In strict mode nothing is used that was not reserved; the gateway saw only what the client sent. */
  async #reserveContext(asked: readonly chat.Message[]): Promise<void> {
    const { strictSubjects: subjects, messages, model } = this.#request;
    if (subjects.length === 0) return;
    const sent = new Set(messages);
    const added = asked.filter((message) => !sent.has(message));
    if (added.length === 0) return;
    const { limiter, config, prices } = this.#parts;
    const context = this.#context;
    const options = {
      ...{ limiter, caller: this.#caller, subjects, price: prices.of(model) },
      ...{
        ...within(config.limitsTimeoutMs, context),
        holdMs: Math.ceil(Math.min(longestHoldMs, context.remainingMs())),
      },
    };
    this.#reserved = await ContextReservation.take(options, added);
  }

  #settleContext(): void {
    if (!this.#reserved) return;
    const usage = this.#record.finalUsage();
    this.#reserved.settle(usage, this.#record.cost(usage, this.#parts.prices.of(this.#request.model)));
  }

  async #prompt(): Promise<chat.Message[]> {
    const { conversationId, messages } = this.#request;
    if (conversationId === '') return messages;
    const { store, config } = this.#parts;
    const history = await store.history(this.#caller.orgId, conversationId, config.historyTurns);
    return withHistory(history, messages, config.historyCharacters);
  }

  /** The end of an answer: with a conversation only after the commit. */
  async #finish(): Promise<ChatEvent> {
    const { journal } = this.#parts;
    const row = this.#row();
    if (row.turn === undefined) journal.record(row);
    else {
      try {
        await journal.commit(row);
      } catch (cause) {
        this.#record.outcome = 'failed';
        const { code } = toFlotillaError(cause);
        const message = 'The answer could not be saved in its conversation.';
        return { event: { $case: 'failure', value: { code: code === 'overloaded' ? code : 'unavailable', message } } };
      }
    }
    return { event: { $case: 'finished', value: { usage: row.usage } } };
  }

  #keep(): void {
    this.#parts.journal.record(this.#row());
  }

  #row() {
    const { clock, random, prices } = this.#parts;
    return this.#record.row(clock.now(), prices.of(this.#request.model), () => random.id('turn_'));
  }
}
