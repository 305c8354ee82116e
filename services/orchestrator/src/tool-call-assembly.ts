interface ToolCall {
  id?: string;
  type?: string;
  function?: { name?: string; arguments?: string };
}

/** More are not kept in a conversation; no engine makes as many in one answer. */
const MAX_CALLS = 128;

/** Puts the streamed pieces of OpenAI tool calls together: by index, names and arguments appended in order of arrival. */
export class ToolCallAssembly {
  readonly #calls: ToolCall[] = [];

  /** `json`: an array of tool calls, or of pieces of them. What is not is left out: it was the engine's. */
  add(json: string): void {
    let pieces: unknown;
    try {
      pieces = JSON.parse(json);
    } catch {
      return;
    }
    if (!Array.isArray(pieces)) return;
    for (const [at, piece] of pieces.entries()) {
      if (typeof piece === 'object' && piece !== null) this.#merge(piece as ToolCall & { index?: number }, at);
    }
  }

  json(): string {
    const calls = this.#calls.filter((call) => call !== undefined);
    return calls.length === 0 ? '' : JSON.stringify(calls);
  }

  #merge({ index, id, type, function: called }: ToolCall & { index?: number }, at: number): void {
    const place = index ?? at;
    if (!Number.isInteger(place) || place < 0 || place >= MAX_CALLS) return;
    const call = (this.#calls[place] ??= { function: { name: '', arguments: '' } });
    if (id) call.id = id;
    call.type = type ?? call.type ?? 'function';
    call.function!.name += called?.name ?? '';
    call.function!.arguments += called?.arguments ?? '';
  }
}
