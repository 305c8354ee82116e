import type { Recognizer, RuleInfo } from './rule-pack.ts';

/** What the guard must know to go on; it travels with the call. */
export interface GuardPosition {
  /** The end of what was released, as the model wrote it. */
  readonly context: string;
  /** Written by the model, not yet released. */
  readonly held: string;
}

export interface Guarded {
  readonly release: string;
  readonly position: GuardPosition;
  /** Rules that matched in this piece, in order, one entry for each match. */
  readonly found: readonly RuleInfo[];
}

/** Recognizers look back this many UTF-16 code units at most from where a match may begin (a decimal point and the digit before it). */
const CONTEXT_LENGTH = 2;
const NOTHING_FOUND: readonly RuleInfo[] = Object.freeze([]);
const AT_START: GuardPosition = Object.freeze({ context: '', held: '' });

/** Recognizers by the character that triggers them. */
export interface TriggerTable {
  readonly all: readonly Recognizer[];
  /** 128 entries, one for each ASCII character. */
  readonly byCode: readonly (Recognizer | undefined)[];
}

/** Throws when a character would trigger two recognizers. */
export function triggerTable(all: readonly Recognizer[]): TriggerTable {
  const byCode = new Array<Recognizer | undefined>(128).fill(undefined);
  for (const recognizer of all) {
    for (let at = 0; at < recognizer.triggers.length; at += 1) {
      const code = recognizer.triggers.charCodeAt(at);
      const other = byCode[code];
      if (other)
        throw new Error(`'${recognizer.triggers[at]}' triggers both ${other.rule.id} and ${recognizer.rule.id}`);
      byCode[code] = recognizer;
    }
  }
  return { all, byCode };
}

/**
 * Redacts the next piece of an answer. Released is everything up to the first place where a match may still begin: the end of
 * the text that a recognizer calls open, or that a later trigger could look back on. Because every verdict depends on a bounded
 * stretch of text and is passed only when that stretch is there, the releases of any chunking add up to the redaction of
 * the whole. Held text is bounded by the longest candidate: 64 + 1 + 253 characters (an e-mail address); a longer run of
 * address characters is released but for its last 64, and the part of an address beyond those limits is not taken for one,
 * streamed or whole.
 */
export function guardPiece(
  { all, byCode }: TriggerTable,
  { context, held }: GuardPosition = AT_START,
  addition: string,
  final: boolean,
): Guarded {
  const text = held + addition;
  const piece = { context, text, final };
  let found: RuleInfo[] | undefined;
  let release = '';
  let floor = 0;
  let hold = text.length;

  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    const recognizer = code < 128 ? byCode[code] : undefined;
    at += 1;
    if (recognizer === undefined) continue;
    const recognition = recognizer.recognize(piece, at - 1, floor);
    if (recognition === undefined) continue;
    if (recognition.open) {
      hold = Math.min(hold, recognition.start);
      break;
    }
    release += text.slice(floor, recognition.start) + recognizer.placeholder;
    (found ??= []).push(recognizer.rule);
    floor = at = recognition.end;
  }

  if (!final) hold = Math.min(hold, tailStart(all, text, floor));
  release = floor === 0 && hold === text.length ? text : release + text.slice(floor, hold);
  return {
    release,
    position: {
      context: (context + text.slice(Math.max(0, hold - CONTEXT_LENGTH), hold)).slice(-CONTEXT_LENGTH),
      held: text.slice(hold),
    },
    found: found ?? NOTHING_FOUND,
  };
}

function tailStart(recognizers: readonly Recognizer[], text: string, floor: number): number {
  let start = text.length;
  for (const recognizer of recognizers) start = Math.min(start, recognizer.tail(text, floor));
  // Half a surrogate pair cannot be encoded: it waits for its other half.
  const last = text.charCodeAt(text.length - 1);
  if (last >= 0xd800 && last <= 0xdbff) start = Math.min(start, text.length - 1);
  return start;
}
