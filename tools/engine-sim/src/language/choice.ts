import { tokenize } from './tokenizer.ts';

/** One answer, as it will come out. */
export interface Choice {
  /** The answer, or the arguments of the tool call. */
  text: string;
  tokens: readonly string[];
  finishReason: 'stop' | 'length' | 'tool_calls';
  /** The stop string that ended it. */
  stopReason: string | undefined;
  tool: { id: string; name: string } | undefined;
}

export interface Limits {
  /** Tokens; the context window is already counted in. */
  maxTokens: number;
  minTokens: number;
  stop: readonly string[];
  includeStop: boolean;
  /** Exactly so many tokens; 0: as many as there are. */
  exactTokens: number;
}

/** What fills an answer up when the request asks for more tokens than there is to say. */
const filler = tokenize(
  ' and so the simulator keeps talking in plain words of no weight, one after the other, until the limit you set is met,',
);

/** The answer within its limits. */
export function limitText(text: string, limits: Limits): Choice {
  let tokens = tokenize(text);
  const wanted = limits.exactTokens || limits.minTokens;
  const extended = tokens.length < wanted;
  for (let i = 0; tokens.length < wanted; i += 1) tokens.push(filler[i % filler.length]!);
  if (limits.exactTokens > 0) tokens.length = limits.exactTokens;
  let whole = extended || limits.exactTokens > 0 ? tokens.join('') : text;
  const stopped = earliestStop(whole, limits.stop);
  if (stopped) {
    whole = whole.slice(0, stopped.at + (limits.includeStop ? stopped.stop.length : 0));
    tokens = tokenize(whole);
  }
  if (tokens.length <= limits.maxTokens) {
    return { text: whole, tokens, finishReason: 'stop', stopReason: stopped?.stop, tool: undefined };
  }
  tokens.length = limits.maxTokens;
  return { text: tokens.join(''), tokens, finishReason: 'length', stopReason: undefined, tool: undefined };
}

/** A tool call within the token limit; one that is cut is no valid JSON, as with a real engine. */
export function limitToolCall(id: string, name: string, args: string, maxTokens: number): Choice {
  const tokens = tokenize(args);
  const cut = tokens.length > maxTokens;
  if (cut) tokens.length = maxTokens;
  const tool = { id, name };
  return { text: tokens.join(''), tokens, finishReason: cut ? 'length' : 'tool_calls', stopReason: undefined, tool };
}

function earliestStop(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  let found: { at: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = stop === '' ? -1 : text.indexOf(stop);
    if (at >= 0 && (!found || at < found.at)) found = { at, stop };
  }
  return found;
}
