interface CallPiece {
  index?: number;
  function?: { arguments?: string };
  [field: string]: unknown;
}

/** Puts OpenAI's tool calls together: of a stream from pieces that bear a position, of a whole answer as they are. */
export class ToolCalls {
  readonly #calls = new Map<number, CallPiece>();

  /** Throws when it is not JSON of tool calls. */
  add(json: string): void {
    const pieces = JSON.parse(json) as CallPiece[];
    for (const { index = this.#calls.size, ...piece } of pieces) this.#add(index, piece);
  }

  whole(): object[] {
    return [...this.#calls.entries()].sort(([a], [b]) => a - b).map(([, call]) => call);
  }

  #add(index: number, piece: CallPiece): void {
    const call = this.#calls.get(index);
    if (!call) {
      this.#calls.set(index, piece);
      return;
    }
    const said = call.function;
    const more = piece.function;
    Object.assign(call, withoutEmpty(piece));
    if (!said || !more) return;
    call.function = {
      ...said,
      ...withoutEmpty(more),
      arguments: (said.arguments ?? '') + (more.arguments ?? ''),
    };
  }
}

/** Engines repeat fields in later pieces as null or empty. */
function withoutEmpty(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== ''));
}

/** Whole calls as the one piece of a stream. */
export function asPiece(calls: readonly object[]): string {
  return JSON.stringify(calls.map((call, index) => ({ index, ...call })));
}
