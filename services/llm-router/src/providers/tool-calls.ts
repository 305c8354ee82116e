import { systemRandom } from '@flotilla/kernel';

/** One row of `tool_calls` as engines send it that speak as OpenAI does, or nearly. */
export interface ToolCallRow {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly type?: unknown;
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null;
}

interface Call {
  /** As we count it. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** As the engine counts it, where it does. */
  readonly theirs: number | undefined;
  /** Its arguments so far. */
  text: string;
}

/** Reasons that OpenAI calls otherwise. */
const reasons: Readonly<Record<string, string>> = {
  eos: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_length: 'length',
  tool_use: 'tool_calls',
  tool_call: 'tool_calls',
  function_call: 'tool_calls',
};

/**
 * The tool calls of one choice in OpenAI's words: each has an index of its own, counted from 0, an id and a name in its first
 * piece, and arguments as text. Engines leave out the index or say 0 of each of several calls, leave out the id or make a
 * new one for each piece, repeat the name, and give arguments as an object.
 */
export class ToolCalls {
  readonly #calls: Call[] = [];
  /** Calls of another type than `function`: passed on as they are. */
  #others = false;

  /** Pieces of calls → JSON of OpenAI's deltas. */
  deltas(rows: readonly ToolCallRow[]): string {
    return JSON.stringify(rows.map((row) => this.#delta(row)));
  }

  /** Whole calls → JSON of those of OpenAI's message. */
  whole(rows: readonly ToolCallRow[]): string {
    return JSON.stringify(
      rows.map((row) => {
        if (this.#isOther(row)) return row;
        const { id, name, text } = this.#begin(row);
        return { id, type: 'function', function: { name, arguments: text } };
      }),
    );
  }

  /** Why the choice ended: engines say `stop` of an answer that calls tools, and other words of their own. */
  finish(reason: string): string {
    const named = Object.hasOwn(reasons, reason) ? reasons[reason]! : reason;
    return named === 'stop' && (this.#calls.length > 0 || this.#others) ? 'tool_calls' : named;
  }

  #delta(row: ToolCallRow): object {
    if (this.#isOther(row)) return row;
    const known = this.#known(row);
    if (known) {
      const more = argumentsOf(row);
      known.text += more;
      return { index: known.index, function: { arguments: more } };
    }
    const { index, id, name, text } = this.#begin(row);
    return { index, id, type: 'function', function: { name, arguments: text } };
  }

  #isOther({ type }: ToolCallRow): boolean {
    const other = typeof type === 'string' && type !== 'function' && type !== '';
    this.#others ||= other;
    return other;
  }

  /** The call that a row goes on with; undefined: it begins one. */
  #known(row: ToolCallRow): Call | undefined {
    const id = textOf(row.id);
    const same = id === '' ? undefined : this.#calls.find((call) => call.id === id);
    if (same) return same;
    const place = typeof row.index === 'number' ? row.index : undefined;
    const last = place === undefined ? this.#calls.at(-1) : this.#calls.findLast((call) => call.theirs === place);
    const name = textOf(row.function?.name);
    if (name === '') return last;
    // A name under an id of its own begins a call; without one it may be said again with each piece.
    const again = id === '' && last?.name === name && !isComplete(last.text);
    return again ? last : undefined;
  }

  #begin(row: ToolCallRow): Call {
    const call = {
      index: this.#calls.length,
      id: textOf(row.id) || systemRandom.id('call_'),
      name: textOf(row.function?.name),
      theirs: typeof row.index === 'number' ? row.index : undefined,
      text: argumentsOf(row),
    };
    this.#calls.push(call);
    return call;
  }
}

function argumentsOf({ function: piece }: ToolCallRow): string {
  const input = piece?.arguments;
  if (typeof input === 'string') return input;
  return input === undefined || input === null ? '' : JSON.stringify(input);
}

function isComplete(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
