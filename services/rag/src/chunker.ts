import { sentencesOf } from './sentences.ts';

/** Words of a passage: enough to answer by, few enough that its vector means something. */
const TARGET_WORDS = 200;
/** Words of the passage before that a passage begins with, so that an answer across the border is found whole. */
const OVERLAP_WORDS = 40;
/** A passage this short takes the next section in rather than stand alone. */
const SHORT_WORDS = 60;
/** Characters of the headings above a passage that are repeated at its start. */
const MAX_HEADINGS = 200;
/** Characters of the longest piece that is kept whole. */
const MAX_PIECE = 1_200;

interface Piece {
  text: string;
  words: number;
  /** What stands between it and the piece before. */
  gap: string;
  /** Level of a Markdown heading; 0: not one. */
  heading: number;
}

/**
 * Cuts a text into passages of about 200 words at the borders of sentences, overlapping by up to 40 words within a section. A
 * passage in the middle of a section begins with the headings above it. Nothing is lost and no character is cut in two.
 * A generator, so that who shares its thread with others can pause; each step is short.
 */
export function* chunksOf(text: string): Generator<string> {
  let ready: string | undefined;
  const headings: { level: number; text: string }[] = [];
  let above = '';
  let open: Piece[] = [];
  let words = 0;
  /** Pieces of `open` that the chunk before has already. */
  let carried = 0;

  const flush = (overlap: boolean) => {
    ready = open.length > carried ? join(above, open) : undefined;
    const kept: Piece[] = [];
    words = 0;
    for (let i = open.length - 1; overlap && i > 0; i -= 1) {
      const piece = open[i]!;
      if (piece.heading > 0 || words + piece.words > OVERLAP_WORDS) break;
      kept.unshift(piece);
      words += piece.words;
    }
    open = kept;
    carried = kept.length;
    above = pathOf(headings);
  };

  for (const piece of piecesOf(text)) {
    ready = undefined;
    if (piece.heading > 0) {
      if (words >= SHORT_WORDS || open.length === carried) flush(false);
      while (headings.length > 0 && headings.at(-1)!.level >= piece.heading) headings.pop();
      if (open.length === 0) above = pathOf(headings);
      headings.push({ level: piece.heading, text: piece.text.replace(/^#+\s*/, '') });
    } else if (words + piece.words > TARGET_WORDS && open.length > carried) {
      flush(true);
    }
    if (ready !== undefined) yield ready;
    open.push(piece);
    words += piece.words;
  }
  flush(false);
  if (ready !== undefined) yield ready;
}

/** The innermost headings, as many as fit. */
function pathOf(headings: readonly { text: string }[]): string {
  let first = headings.length;
  for (let length = 0; first > 0; first -= 1) {
    length += headings[first - 1]!.text.length + 3;
    if (length > MAX_HEADINGS) break;
  }
  return headings
    .slice(first)
    .map(({ text }) => text)
    .join(' › ');
}

function join(above: string, pieces: readonly Piece[]): string {
  let text = above === '' ? '' : `${above}\n\n`;
  pieces.forEach((piece, i) => (text += i === 0 ? piece.text : piece.gap + piece.text));
  return text;
}

/** Headings, and sentences of paragraphs. */
function* piecesOf(text: string): Generator<Piece> {
  for (const paragraph of text.replaceAll(/\r\n?/g, '\n').split(/\n\s*\n/)) {
    let gap = '\n\n';
    for (const line of paragraph.split('\n')) {
      const trimmed = line.trim();
      if (trimmed === '') continue;
      const heading = /^(#{1,6})\s+\S/.exec(trimmed)?.[1]?.length ?? 0;
      if (heading > 0 && trimmed.length <= MAX_HEADINGS) {
        yield { text: trimmed, words: wordsOf(trimmed), gap, heading };
      } else {
        for (const sentence of sentencesOf(trimmed)) {
          for (const part of parts(sentence)) {
            const text = part.trim();
            if (text === '') continue;
            yield { text, words: wordsOf(text), gap: gap || (/^\s/.test(part) ? ' ' : ''), heading: 0 };
            gap = '';
          }
        }
      }
      gap = '\n';
    }
  }
}

/** A sentence whole, or in parts of at most MAX_PIECE characters, cut before blanks where there are any. */
function* parts(sentence: string): Generator<string> {
  let rest = sentence;
  while (rest.length > MAX_PIECE) {
    let end = rest.lastIndexOf(' ', MAX_PIECE);
    if (end < MAX_PIECE / 2) {
      end = MAX_PIECE;
      if (/[\uD800-\uDBFF]/.test(rest[end - 1]!)) end -= 1;
    }
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  yield rest;
}

/** Words between blanks; what is long without any (Chinese, a key) counts a word for each six characters. */
function wordsOf(text: string): number {
  let words = 0;
  for (const word of text.split(/\s+/)) words += word.length > 20 ? Math.ceil(word.length / 6) : 1;
  return words;
}
