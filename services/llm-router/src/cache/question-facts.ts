import { articles, beforeInfinitive, courtesies, pointing, telling } from './fact-words.ts';

/** Code, quotations, and else whatever stands between spaces. */
const parts = /```[\s\S]*?```|`[^`]*`|"[^"]*"|“[^”]*”|„[^“]*“|«[^»]*»|(?<![\p{L}\p{N}])'[^'\n]+'(?![\p{L}\p{N}])|\S+/gu;
const quotation = /^[`"“„«]|^'.*'$/u;
const outerMarks = /^[\p{Pi}([{"'¿¡]+|[\p{Pf})\]}"'.,;:!?…]+$/gu;
const sentenceEnd = /[.!?…]["')\]]*$/u;
const plainWord = /^[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*$/u;
/** Letters of scripts without capitals, most of which set no spaces either: names in them cannot be told from other words. */
const withoutCapitals = /\p{Lo}/u;

/**
 * What two questions must have in common, word for word and in this order, beside being near to each other: embeddings put
 * `enable` beside `disable`, 2023 beside 2024, and Paris to London beside London to Paris. Those are, as far as they can be
 * told by rules: the first word of each sentence, numerals and identifiers, names, quotations and code, questioning, negating,
 * counting and opposing words, what prepositions point at, and whatever stands after a colon or on a further line.
 * A rule too many costs a look-up that finds nothing; one too few says the answer to another question.
 */
export function questionFacts(text: string): string {
  const { question, material } = split(text.normalize('NFKC').trim());
  const facts: string[] = [];
  let begins = true;
  let previous = '';
  let pointer = '';
  for (const [part] of question.matchAll(parts)) {
    if (quotation.test(part) && part.length > 1) {
      facts.push(`quoted ${part}`);
      [begins, pointer] = [false, ''];
      continue;
    }
    const word = part.replace(outerMarks, '');
    const lower = word.toLowerCase();
    if (word === '' || (begins && courtesies.has(lower))) continue;
    if (pointer !== '' && !articles.has(lower)) {
      facts.push(`${pointer} ${lower}`);
      pointer = '';
    }
    const fact = factOf(word, begins);
    if (fact !== undefined) facts.push(fact);
    if (pointing.has(lower) || (lower === 'to' && !beforeInfinitive.has(previous))) pointer = lower;
    begins = sentenceEnd.test(part);
    previous = lower;
  }
  return JSON.stringify([facts, material]);
}

/** A text that is worked on stands after a colon or a line's end: it must be the same. */
function split(text: string): { question: string; material: string } {
  const at = text.search(/\n|:\s/);
  if (at < 0) return { question: text, material: '' };
  return {
    question: text.slice(0, at),
    material: text
      .slice(at + 1)
      .replaceAll(/\s+/g, ' ')
      .trim(),
  };
}

function factOf(word: string, begins: boolean): string | undefined {
  if (!plainWord.test(word)) return `sign ${word}`;
  if (withoutCapitals.test(word)) return `word ${word}`;
  const lower = word.toLowerCase();
  const negated = /n['’]t$/.test(lower);
  const base = lower.replace(/(?:n['’]t|['’]\p{L}+)$/u, '');
  if (negated) return `not ${base}`;
  if (telling.has(base) || begins) return `word ${base}`;
  if (word !== lower && base !== 'i') return `name ${base}`;
  return undefined;
}
