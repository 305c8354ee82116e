import type { chat } from '@flotilla/contracts';

/** What every chunk of one answer begins and ends with. SSE frames and WebSocket events differ only here. */
export interface Frame {
  readonly before: string;
  readonly after: string;
  /** Says that nothing has come yet; empty where the transport has its own way. */
  readonly keepAlive: string;
}

export const sseFrame: Frame = { before: 'data: ', after: '\n\n', keepAlive: ': keep-alive\n\n' };

/** What the platform adds to an answer: known before its first choice. */
export interface Extras {
  conversationId: string;
  citations: readonly chat.Citation[];
  notices: readonly chat.Notice[];
}

/** The `flotilla` field of an answer; undefined when there is nothing to say. */
export function extension({ conversationId, citations, notices }: Extras): object | undefined {
  if (conversationId === '' && citations.length === 0 && notices.length === 0) return undefined;
  return {
    ...(conversationId !== '' && { conversation_id: conversationId }),
    ...(citations.length > 0 && { citations: citations.map(citationObject) }),
    ...(notices.length > 0 && { notices: notices.map(({ code, message }) => ({ code, message })) }),
  };
}

export function citationObject({ number, storeId, documentId, filename, chunk, text, score }: chat.Citation): object {
  return { number, store_id: storeId, file_id: documentId, filename, chunk, text, score };
}

export function usageObject(usage: { promptTokens: number; completionTokens: number; cachedTokens: number }): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
}

/**
 * Writes OpenAI's chunks of one answer as text. What does not change from token to token is written once: a token costs
 * one JSON string and one concatenation.
 */
export class ChunkWriter {
  readonly #open: string;
  readonly #choicesOpen: string;
  readonly #plainTail: string;
  readonly #begun = new Set<number>();
  #extension: object | undefined;

  constructor(
    head: { id: string; created: number; model: string; systemFingerprint: string; includeUsage: boolean },
    private readonly frame: Frame,
  ) {
    const { id, created, model, systemFingerprint, includeUsage } = head;
    const fingerprint = systemFingerprint === '' ? 'null' : JSON.stringify(systemFingerprint);
    this.#open =
      `${frame.before}{"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},` +
      `"model":${JSON.stringify(model)},"service_tier":null,"system_fingerprint":${fingerprint},`;
    this.#choicesOpen = `${this.#open}"choices":[{"index":`;
    // With include_usage, OpenAI's other chunks say "usage":null.
    this.#plainTail = `}]${includeUsage ? ',"usage":null' : ''}}${frame.after}`;
  }

  /** The next chunk carries this in its `flotilla` field. */
  attach(extra: object | undefined): void {
    this.#extension = extra;
  }

  /** True while something waits for a chunk to carry it. */
  get attached(): boolean {
    return this.#extension !== undefined;
  }

  /** The chunks of one delta; before the first of each choice, a chunk that names the role. */
  choice(choice: chat.Choice): string {
    const { index, content } = choice;
    let text = '';
    if (!this.#begun.has(index)) {
      this.#begun.add(index);
      const role = JSON.stringify(choice.role || 'assistant');
      text = this.#chunk(index, `"role":${role},"content":"","refusal":null`, '', '');
    }
    if (choice.finishReason === '' && isPlain(choice)) {
      if (content === '') return text;
      return text + this.#chunk(index, `"content":${JSON.stringify(content)}`, '', '');
    }
    const delta = deltaFields(choice);
    const ends = choice.finishReason !== '';
    const engine = engineField(choice);
    const more = ends ? '' : engine;
    if (delta !== '' || choice.logprobsJson !== '' || more !== '')
      text += this.#chunk(index, delta, onOneLine(choice.logprobsJson), '', more);
    // OpenAI ends a choice with a chunk of its own: what came together with the end went before.
    if (ends) text += this.#chunk(index, '', '', choice.finishReason, engine);
    return text;
  }

  /** The chunk after the last choice: the usage, when the client asked for it, and what nobody carried yet. */
  last(usage: object | undefined): string {
    const extra = this.#extension;
    this.#extension = undefined;
    const fields = JSON.stringify({ choices: [], ...(usage && { usage }), ...(extra && { flotilla: extra }) });
    return `${this.#open}${fields.slice(1)}${this.frame.after}`;
  }

  #chunk(index: number, delta: string, logprobs: string, finishReason: string, more = ''): string {
    const reason = finishReason === '' ? 'null' : JSON.stringify(finishReason);
    return `${this.#choicesOpen}${index},"delta":{${delta}},"logprobs":${logprobs || 'null'},"finish_reason":${reason}${more}${this.#tail()}`;
  }

  #tail(): string {
    if (!this.#extension) return this.#plainTail;
    const extra = JSON.stringify(this.#extension);
    this.#extension = undefined;
    return `}],"flotilla":${extra}${this.#plainTail.slice(2)}`;
  }
}

/** The `flotilla` field of one choice, behind its others; empty: the engine said nothing more. */
export function engineField({ extraJson }: chat.Choice): string {
  return extraJson === '' ? '' : `,"flotilla":{"engine":${onOneLine(extraJson)}}`;
}

function isPlain({ reasoning, toolCallsJson, refusal, logprobsJson, extraJson }: chat.Choice): boolean {
  return reasoning === '' && toolCallsJson === '' && refusal === '' && logprobsJson === '' && extraJson === '';
}

function deltaFields({ content, reasoning, toolCallsJson, refusal }: chat.Choice): string {
  const fields: string[] = [];
  if (content !== '') fields.push(`"content":${JSON.stringify(content)}`);
  if (reasoning !== '') fields.push(`"reasoning_content":${JSON.stringify(reasoning)}`);
  if (refusal !== '') fields.push(`"refusal":${JSON.stringify(refusal)}`);
  if (toolCallsJson !== '') fields.push(`"tool_calls":${onOneLine(toolCallsJson)}`);
  return fields.join(',');
}

/** JSON that an engine wrote may hold line feeds; in a frame one would end it. */
function onOneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? JSON.stringify(JSON.parse(json)) : json;
}
