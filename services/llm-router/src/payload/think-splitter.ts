/** What of a text is thought and what is said. */
export interface Split {
  readonly reasoning: string;
  readonly content: string;
}

const opening = '<think>';
const closing = '</think>';
const nothing: Split = { reasoning: '', content: '' };

/**
 * Tells the reasoning at the beginning of a text from what follows, piece by piece: whatever the pieces, the sum of what comes
 * out is the same. Only a tag at the very beginning opens it, and the first closing tag ends it: later ones are text. Held back
 * are blanks at the beginning, and what could be the beginning of a tag; blanks between the two parts are left out.
 */
export class ThinkSplitter {
  readonly #opened: boolean;
  #phase: 'opening' | 'thinking' | 'blank' | 'said' = 'opening';
  #held = '';

  /** `opened`: the prompt’s template said the opening tag; the model may say it again. */
  constructor(opened: boolean) {
    this.#opened = opened;
  }

  /** Everything that follows is plain text: pieces need not pass here any more. */
  get over(): boolean {
    return this.#phase === 'said';
  }

  push(text: string): Split {
    if (this.#phase === 'said') return { reasoning: '', content: text };
    if (text === '') return nothing;
    this.#held += text;
    let reasoning = '';
    if (this.#phase === 'opening' && !this.#open()) return nothing;
    if (this.#phase === 'thinking') reasoning = this.#think();
    return { reasoning, content: this.#say() };
  }

  /** What is held back, when nothing follows. */
  end(): Split {
    const held = this.#held;
    const phase = this.#phase;
    this.#held = '';
    this.#phase = 'said';
    if (phase === 'thinking' || (phase === 'opening' && this.#opened)) return { reasoning: held, content: '' };
    return { reasoning: '', content: phase === 'blank' ? '' : held };
  }

  /** Whether it is known by now if the text begins with a tag. */
  #open(): boolean {
    const text = this.#held.trimStart();
    if (text.startsWith(opening)) {
      this.#held = text.slice(opening.length);
      this.#phase = 'thinking';
      return true;
    }
    if (opening.startsWith(text)) return false;
    this.#phase = this.#opened ? 'thinking' : 'said';
    return true;
  }

  #think(): string {
    const end = this.#held.indexOf(closing);
    if (end >= 0) {
      const thought = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + closing.length);
      this.#phase = 'blank';
      return thought;
    }
    const keep = tagBegun(this.#held);
    const thought = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return thought;
  }

  #say(): string {
    if (this.#phase === 'thinking') return '';
    const text = this.#phase === 'blank' ? this.#held.trimStart() : this.#held;
    this.#held = '';
    if (text !== '') this.#phase = 'said';
    return text;
  }
}

/** How many of the last characters could be the beginning of the closing tag. */
function tagBegun(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length -= 1) {
    if (closing.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
