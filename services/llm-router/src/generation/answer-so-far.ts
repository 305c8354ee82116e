import type { chat } from '@flotilla/contracts';
import { pieceLength } from './usage.ts';

/** The longest answer that another engine is asked to go on with, in UTF-16 units; longer ones are not held. */
const maxText = 1 << 20;

/** What an answer has said up to now. */
export class AnswerSoFar {
  /** UTF-16 units of all that was said. */
  length = 0;
  /** Of the one choice; empty when nobody wants it kept or it is not plain. */
  text = '';
  /** Whether it is nothing but text of one choice that still runs. */
  plain: boolean;

  constructor(kept: boolean) {
    this.plain = kept;
  }

  /** Takes note of the pieces from position `from` on. */
  add(choices: readonly chat.Choice[], from: number): void {
    for (let i = from; i < choices.length; i += 1) {
      const choice = choices[i]!;
      const length = pieceLength(choice);
      this.length += length;
      if (!this.plain) continue;
      this.text += choice.content;
      if (
        choice.index === 0 &&
        length === choice.content.length &&
        choice.finishReason === '' &&
        choice.logprobsJson === '' &&
        this.text.length <= maxText
      )
        continue;
      this.plain = false;
      this.text = '';
    }
  }
}
