import type { chat, orchestrator, router } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError, type Clock } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import type { Admission } from '../admission/admission.ts';
import { unheld, type Asker, type Grant } from '../admission/grant.ts';
import type { RuleBook } from '../rules/content-rules.ts';
import type { Shedder, Ticket } from '../shedding/shedder.ts';
import { blockedAnswer } from './blocked-answer.ts';
import type { ChatBody } from './chat-body.ts';
import { EngineAnswer, isOurFault } from './engine-answer.ts';
import { requireModel } from './model-access.ts';

/** A chat that may run. Its events flow when they are read. */
export interface Turn {
  /** `chatcmpl-…`, from the request's id. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly body: ChatBody;
  readonly grant: Grant;
  readonly events: AsyncIterable<orchestrator.ChatEvent>;
  /** Who answers; undefined until an event has said so. */
  answerer(): chat.Answerer | undefined;
}

/** Embeddings, and what was granted for them. */
export interface Embedded {
  readonly response: router.EmbedResponse;
  readonly grant: Grant;
}

export interface TurnsOptions {
  orchestrator: Client<orchestrator.OrchestratorDefinition>;
  admission: Admission;
  rules: RuleBook;
  shedder: Shedder;
  clock: Clock;
  /** Milliseconds a whole chat may take. */
  timeoutMs: number;
  /** Chats under way at most. */
  maxConcurrent: number;
}

/**
 * What every surface that runs a model goes through: load, the credential's models, content rules, limits, and the
 * orchestrator. Knows how many chats are under way.
 */
export class Turns {
  #running = 0;
  #refusing = false;

  constructor(private readonly options: TurnsOptions) {}

  /**
   * Admits a chat and runs `use` with it. Throws `overloaded` when too many are under way, `permission_denied` for a model
   * the credential may not use, `rate_limit_exceeded` when a limit refuses, and whatever `use` throws.
   */
  run<T>(asker: Asker, body: ChatBody, use: (turn: Turn) => Promise<T>): Promise<T> {
    return this.#inside(asker, body.model, async (ticket) => {
      requireModel(asker.identity, body.model);
      const ruled = this.options.rules.apply(asker.identity.orgId, body);
      if (ruled.kind === 'blocked')
        return use(this.#turn(asker, body, unheld(0), blockedAnswer(body.model, ruled.message), nobody));
      const admitted = this.options.admission.admit(asker, ruled.body);
      const grant = admitted instanceof Promise ? await admitted : admitted;
      return this.#answer(asker, ruled.body, grant, ticket, use);
    });
  }

  /** Embeds under the same rules and limits. Throws as `run` does, `content_filter`, and what the orchestrator says. */
  embed(asker: Asker, request: { model: string; inputs: string[] }): Promise<Embedded> {
    return this.#inside(asker, request.model, async () => {
      const { admission, orchestrator, rules, timeoutMs } = this.options;
      const { caller, signal } = asker;
      requireModel(asker.identity, request.model);
      const blocked = rules.blocking(asker.identity.orgId, request.inputs);
      if (blocked) throw new FlotillaError('content_filter', blocked.message, { details: { param: 'input' } });
      const grant = await admission.admitInputs(asker, request.model, request.inputs);
      const { reservedTokens, leaseId } = grant;
      try {
        const asked = { request: { caller, ...request }, reservedTokens, leaseId };
        return { grant, response: await orchestrator.embed(asked, { timeoutMs, signal }) };
      } catch (thrown) {
        admission.failed(asker, grant, toFlotillaError(thrown));
        throw thrown;
      }
    });
  }

  /** Runs a check under the limits of requests: nothing is generated, and no rule stands before what looks for what rules look for. */
  check<T>(asker: Asker, work: () => Promise<T>): Promise<{ result: T; grant: Grant }> {
    return this.#inside(asker, 'moderation', async () => {
      const { admission } = this.options;
      const grant = await admission.admitInputs(asker, '', []);
      try {
        return { grant, result: await work() };
      } finally {
        admission.settle(asker, grant);
      }
    });
  }

  /** From now on there are no new chats. */
  refuse(): void {
    this.#refusing = true;
  }

  async #inside<T>(asker: Asker, model: string, work: (ticket: Ticket) => Promise<T>): Promise<T> {
    const { shedder, maxConcurrent } = this.options;
    if (this.#refusing) throw new FlotillaError('unavailable', 'This gateway is shutting down. Try again.');
    if (this.#running >= maxConcurrent) throw new FlotillaError('overloaded');
    const ticket = shedder.enter(asker.identity.plan.priority, model);
    this.#running += 1;
    let failed = false;
    try {
      return await work(ticket);
    } catch (thrown) {
      failed = isOurFault(toFlotillaError(thrown));
      throw thrown;
    } finally {
      this.#running -= 1;
      // Only the first call counts: an answer that knows more has left already.
      ticket.leave({ failed });
    }
  }

  async #answer<T>(
    asker: Asker,
    body: ChatBody,
    grant: Grant,
    ticket: Ticket,
    use: (turn: Turn) => Promise<T>,
  ): Promise<T> {
    const { orchestrator, admission, clock, timeoutMs } = this.options;
    const answer = new EngineAnswer({
      ...{ orchestrator, clock, timeoutMs, signal: asker.signal, request: chatRequest(asker, body, grant) },
      onFirst: (ttftMs) => ticket.began?.(ttftMs),
      onNothing: (error) => admission.failed(asker, grant, error),
    });
    try {
      return await use(this.#turn(asker, body, grant, answer.events(), () => answer.answerer));
    } finally {
      if (!answer.asked) admission.abandon(asker, grant);
      const streamed = body.stream && answer.ttftMs !== undefined && !answer.held;
      if (answer.asked) ticket.leave({ failed: answer.failed, ...(streamed && { ttftMs: answer.ttftMs! }) });
    }
  }

  #turn(
    { caller: { requestId } }: Asker,
    body: ChatBody,
    grant: Grant,
    events: Turn['events'],
    answerer: Turn['answerer'],
  ): Turn {
    const id = `chatcmpl-${requestId.slice(requestId.indexOf('_') + 1)}`;
    return { id, created: Math.floor(this.options.clock.now() / 1_000), body, grant, events, answerer };
  }
}

const nobody = () => undefined;

function chatRequest({ caller }: Asker, body: ChatBody, grant: Grant): orchestrator.ChatRequest {
  return {
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
    leaseId: grant.leaseId,
    strictSubjects: [...grant.strictSubjects],
    operation: body.operation ?? 'chat',
    cache: body.cache ?? '',
  };
}
