import { FlotillaError } from '@flotilla/kernel';
import { RE2JS, RE2JSException, RE2Set } from 're2js';

/** Instructions one pattern may compile to. A word of ten letters is 10, a choice among three phrases about 60. */
const mostInstructions = 500;

/** Bytes of remembered states of one set; beyond it they are found anew, more slowly. */
const mostStateBytes = 1024 * 1024;

/** How much a pattern adds to what a character of text costs at worst, when the automaton has to keep every way open. */
export function instructionsOf(pattern: string): number {
  return RE2JS.compile(pattern).programSize();
}

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

/** Patterns compiled into one automaton that reads a text once, however many they are. All must have passed `refusalOf`. */
export class PatternSet {
  readonly #set = new RE2Set(RE2Set.UNANCHORED, 0, mostStateBytes);

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) this.#set.add(pattern);
    this.#set.compile();
  }

  /** The indexes of the patterns that match somewhere in the text. */
  match(text: string): readonly number[] {
    return this.#set.match(text);
  }
}
