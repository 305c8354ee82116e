import type { chat } from '@flotilla/contracts';
import { malformedFailure } from '../providers/engine-errors.ts';

/**
 * Where one engine's text ends and another's begins. The second one was given the text without its end (see `cleanEnd`),
 * so it says that end again: it is taken off here, and an engine that says anything else does not go on with this answer.
 */
export class Seam {
  /** What the caller has and the engine has still to say again. */
  #repeated: string;

  constructor(repeated: string) {
    this.#repeated = repeated;
  }

  /** Takes the caller's own part off the pieces from position `from` on. Throws an EngineFailure. */
  apply(choices: chat.Choice[], from: number): void {
    let kept = from;
    for (let i = from; i < choices.length; i += 1) {
      const piece = choices[i]!;
      if (piece.index !== 0 || piece.reasoning + piece.toolCallsJson + piece.refusal !== '') throw anotherAnswer();
      piece.role = '';
      if (this.#repeated !== '') this.#take(piece);
      if (piece.content !== '' || piece.finishReason !== '' || piece.logprobsJson !== '') choices[kept++] = piece;
    }
    choices.length = kept;
  }

  #take(piece: chat.Choice): void {
    const length = Math.min(this.#repeated.length, piece.content.length);
    if (piece.content.slice(0, length) !== this.#repeated.slice(0, length)) throw anotherAnswer();
    piece.content = piece.content.slice(length);
    this.#repeated = this.#repeated.slice(length);
    // An end instead of a blank is an end; half a character stays half.
    if (piece.finishReason !== '' && this.#repeated.trim() !== '') throw anotherAnswer();
  }
}

/**
 * The text up to what a chat template may take off (Llama 3.1's and others trim messages) or JSON cannot carry (half of a
 * character), and that rest.
 */
export function cleanEnd(text: string): { clean: string; rest: string } {
  const last = text.charCodeAt(text.length - 1);
  const whole = last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
  const clean = whole.trimEnd();
  return { clean, rest: text.slice(clean.length) };
}

function anotherAnswer() {
  return malformedFailure('another answer than the one it was to go on with');
}
