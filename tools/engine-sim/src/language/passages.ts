import { contentStems, words } from './words.ts';

export interface Passage {
  number: number;
  filename: string;
  text: string;
}

/**
 * The numbered passages of a prompt: a `[1] (filename)` line, then its text, up to the next number's line. Numbers must
 * count up from 1, so that a passage whose own text holds such a line does not split.
 */
export function findPassages(prompt: string): Passage[] {
  const passages: Passage[] = [];
  let lines: string[] | undefined;
  for (const line of prompt.split('\n')) {
    const head = /^\[(\d+)\] \((.*)\)$/.exec(line.trimEnd());
    if (head && Number(head[1]) === passages.length + 1) {
      if (lines) passages.at(-1)!.text = lines.join('\n').trim();
      passages.push({ number: passages.length + 1, filename: head[2]!, text: '' });
      lines = [];
    } else lines?.push(line);
  }
  if (lines) passages.at(-1)!.text = lines.join('\n').trim();
  return passages;
}

interface Sentence {
  passage: Passage;
  text: string;
  stems: Set<string>;
}

/** A sentence shorter than this says too little alone: the next one is quoted with it. */
const shortestQuote = 4;

/**
 * The sentence that answers best: shared stems weighted by how rare they are among the sentences at hand, and a share of
 * what the rest of its passage has in common with the question. Undefined: nothing is shared.
 */
export function bestQuote(
  question: string,
  passages: readonly Passage[],
): { passage: Passage; quote: string } | undefined {
  const asked = contentStems(question);
  const sentences = passages.flatMap(sentencesOf);
  const frequency = new Map<string, number>();
  for (const { stems } of sentences) for (const stem of stems) frequency.set(stem, (frequency.get(stem) ?? 0) + 1);
  const weigh = (stems: Set<string>) => {
    let sum = 0;
    for (const stem of asked) if (stems.has(stem)) sum += Math.log(1 + sentences.length / (frequency.get(stem) ?? 1));
    return sum;
  };
  const ofPassage = new Map(passages.map((passage) => [passage, weigh(contentStems(passage.text))]));
  let best = -1;
  let bestScore = 0;
  sentences.forEach(({ passage, stems }, index) => {
    const shared = weigh(stems);
    const score = shared === 0 ? 0 : shared + 0.3 * ofPassage.get(passage)! - 0.01 * stems.size;
    if (score > bestScore) [best, bestScore] = [index, score];
  });
  const found = sentences[best];
  if (!found) return undefined;
  const next = sentences[best + 1];
  const alone = words(found.text).length >= shortestQuote || next?.passage !== found.passage;
  return { passage: found.passage, quote: alone ? found.text : `${found.text} ${next.text}` };
}

function sentencesOf(passage: Passage): Sentence[] {
  return passage.text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => ({ passage, text, stems: contentStems(text) }));
}
