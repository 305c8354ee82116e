import type { chat, orchestrator } from '@flotilla/contracts';
import { FlotillaError, isErrorCode } from '@flotilla/kernel';
import { extension, usageObject, type Extras } from './chunks.ts';

/** Gathers the events of a whole answer into OpenAI's chat.completion. */
export class CompletionBuilder {
  readonly #choices: chat.Choice[] = [];
  readonly #extras: { conversationId: string; citations: chat.Citation[]; notices: chat.Notice[] };
  #answerer: chat.Answerer | undefined;
  #usage: object | undefined;

  constructor(
    private readonly id: string,
    private readonly created: number,
    private readonly model: string,
    conversationId: string,
  ) {
    this.#extras = { conversationId, citations: [], notices: [] };
  }

  /** Throws when the event says that the answer failed. */
  add({ event }: orchestrator.ChatEvent): void {
    switch (event?.$case) {
      case 'choices':
        for (const choice of event.value.choices) this.#merge(choice);
        return;
      case 'finished':
        this.#usage = usageObject(event.value.usage ?? { promptTokens: 0, completionTokens: 0, cachedTokens: 0 });
        return;
      case 'answerer':
        this.#answerer = event.value;
        return;
      case 'failure':
        throw failureOf(event.value);
      default:
        collectExtra(event, this.#extras);
    }
  }

  /** The answer as JSON. Throws when the events ended without an end: half an answer is never shown as a whole one. */
  finish(): string {
    if (!this.#usage) throw endedEarly();
    const choices = this.#choices.sort((a, b) => a.index - b.index).map(choiceJson);
    const extra = extension(this.#extras);
    return (
      `{"id":${JSON.stringify(this.id)},"object":"chat.completion","created":${this.created},` +
      `"model":${JSON.stringify(this.#answerer?.model || this.model)},"choices":[${choices.join(',')}],` +
      `"usage":${JSON.stringify(this.#usage)},"service_tier":null,` +
      `"system_fingerprint":${this.#answerer?.systemFingerprint ? JSON.stringify(this.#answerer.systemFingerprint) : 'null'}` +
      `${extra ? `,"flotilla":${JSON.stringify(extra)}` : ''}}`
    );
  }

  /** Choices arrive whole, yet a guard may release one in pieces: texts of one index add up. */
  #merge(next: chat.Choice): void {
    const at = this.#choices.findIndex(({ index }) => index === next.index);
    const before = this.#choices[at];
    if (!before) {
      this.#choices.push(next);
      return;
    }
    this.#choices[at] = {
      index: before.index,
      role: before.role || next.role,
      content: before.content + next.content,
      reasoning: before.reasoning + next.reasoning,
      refusal: before.refusal + next.refusal,
      toolCallsJson: next.toolCallsJson || before.toolCallsJson,
      logprobsJson: next.logprobsJson || before.logprobsJson,
      finishReason: next.finishReason || before.finishReason,
    };
  }
}

/** Takes citations and notices out of an event; other events say nothing here. */
export function collectExtra(
  event: orchestrator.ChatEvent['event'],
  extras: Extras & { citations: chat.Citation[]; notices: chat.Notice[] },
): void {
  if (event?.$case === 'citations') extras.citations.push(...event.value.citations);
  else if (event?.$case === 'notice') extras.notices.push(event.value);
}

export function failureOf({ code, message }: chat.Failure): FlotillaError {
  return new FlotillaError(isErrorCode(code) ? code : 'internal', message || undefined);
}

export function endedEarly(): FlotillaError {
  return new FlotillaError('engine_error', 'The answer ended before it was complete.');
}

function choiceJson(choice: chat.Choice): string {
  const { index, role, content, reasoning, toolCallsJson, refusal, logprobsJson, finishReason } = choice;
  // OpenAI says null where a choice has no text at all.
  const none = content === '' && (toolCallsJson !== '' || refusal !== '');
  return (
    `{"index":${index},"message":{"role":${JSON.stringify(role || 'assistant')},` +
    `"content":${none ? 'null' : JSON.stringify(content)},"refusal":${refusal === '' ? 'null' : JSON.stringify(refusal)}` +
    (reasoning === '' ? '' : `,"reasoning_content":${JSON.stringify(reasoning)}`) +
    (toolCallsJson === '' ? '' : `,"tool_calls":${toolCallsJson}`) +
    `},"logprobs":${logprobsJson === '' ? 'null' : logprobsJson},"finish_reason":${JSON.stringify(finishReason || 'stop')}}`
  );
}
