import { FlotillaError } from '@flotilla/kernel';
import { RE2JS, RE2JSException, RE2Set } from 're2js';

/** Instructions one pattern may compile to: what a character of text can cost at worst grows with it. */
const mostInstructions = 1_000;

/** Bytes of remembered states of one set; beyond it they are found anew, more slowly. */
const mostStateBytes = 1024 * 1024;

/** Why a pattern cannot be a rule; undefined when it can. RE2's syntax: no backreferences and no lookaround. */
export function refusalOf(pattern: string): string | undefined {
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() > mostInstructions) return 'it is too large: use smaller repeat counts';
    if (compiled.test('')) return 'it matches every text: it would match an empty one';
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message.replace('error parsing regexp: ', '');
    throw error;
  }
}

/** Throws `invalid_request` with the reason when the pattern cannot be a rule. */
export function checkPattern(pattern: string): void {
  const refusal = refusalOf(pattern);
  if (refusal === undefined) return;
  const message = `The pattern is refused: ${refusal}. Patterns are of RE2's syntax, without backreferences and lookaround.`;
  throw new FlotillaError('invalid_request', message, { details: { param: 'pattern' } });
}

interface Part {
  readonly set: RE2Set;
  /** Of its first pattern, in the order given. */
  readonly offset: number;
}

/** Patterns compiled into one automaton that reads a text once, however many they are. All must have passed `refusalOf`. */
export class PatternSet {
  readonly #parts: Part[] = [];

  constructor(patterns: readonly string[]) {
    this.#add(patterns, 0);
  }

  /** Calls back with the index of each pattern that matches somewhere in the text. */
  match(text: string, found: (index: number) => void): void {
    for (const { set, offset } of this.#parts) for (const index of set.match(text)) found(offset + index);
  }

  /** Patterns that are too large together are compiled in halves. */
  #add(patterns: readonly string[], offset: number): void {
    if (patterns.length === 0) return;
    try {
      const set = new RE2Set(RE2Set.UNANCHORED, 0, mostStateBytes);
      for (const pattern of patterns) set.add(pattern);
      set.compile();
      this.#parts.push({ set, offset });
    } catch (error) {
      if (patterns.length === 1) throw error;
      const half = patterns.length >>> 1;
      this.#add(patterns.slice(0, half), offset);
      this.#add(patterns.slice(half), offset + half);
    }
  }
}
