import { cuesIn } from './cues.ts';

/** Buckets that features are hashed into; a power of two. */
export const buckets = 1 << 14;

/** Characters read of a long prompt, at its head and at its tail: there is where people say what they want. */
const headLength = 1_600;
const tailLength = 800;
/** Where an instruction stands: the first paragraph and the last, as far as these many characters. */
const openingLength = 320;
const closingLength = 160;
/** One paragraph of this length is all instruction. */
const shortLength = 480;

/** Letters of one word that are looked at. */
const longestWord = 64;
/** Of a group of cues and of a mark; all n-grams together have length 1. */
const cueValue = 0.5;
const markValue = 0.15;
const mask = buckets - 1;
// Taken once: for each letter a look at a global costs more than the product, where tests run it in a context of its own.
const { imul } = Math;
/** Lengths of n-grams are seeds too. */
const seeds = { word: 10, cue: 11, mark: 12 } as const;

/** Indexes of buckets, and the value of each. */
export interface Features {
  readonly indexes: Uint16Array;
  readonly values: Float32Array;
}

/**
 * A prompt as hashed features: of its instruction the words, pairs of words, 3 to 5 letters, groups of cues and marks; of the
 * text that it is about only whether it looks like code (after Weinberger et al. 2009, "Feature Hashing").
 */
export function featuresOf(prompt: string): Features {
  const text = clip(prompt);
  const { instruction, rest } = parts(text);
  const asked = instruction.toLowerCase();
  const grams = new Set<number>();
  addWords(grams, asked);
  const cues = new Set(cuesIn(asked).map((name) => hash(seeds.cue, name) & mask));
  const marks = new Set<number>();
  addMarks(marks, instruction, rest);
  return join([
    [grams, 1 / Math.sqrt(grams.size || 1)],
    [cues, cueValue],
    [marks, markValue],
  ]);
}

function clip(prompt: string): string {
  if (prompt.length <= headLength + tailLength) return prompt;
  return `${prompt.slice(0, headLength)}\n\n${prompt.slice(-tailLength)}`;
}

/** The first paragraph or the last is the instruction, whichever is short; of one long paragraph its ends are. */
function parts(text: string): { instruction: string; rest: string } {
  const trimmed = text.trim();
  const first = trimmed.indexOf('\n\n');
  if (trimmed.length <= shortLength && first < 0) return { instruction: trimmed, rest: '' };
  const opening = first < 0 ? openingLength : first;
  const last = first < 0 ? trimmed.length - closingLength : trimmed.lastIndexOf('\n\n');
  const closing = trimmed.length - last;
  const head = opening <= openingLength || opening <= closing;
  const tail = closing <= closingLength || closing < opening;
  const from = head ? Math.min(opening, openingLength) : 0;
  const to = tail ? Math.max(last, trimmed.length - closingLength) : trimmed.length;
  return { instruction: `${trimmed.slice(0, from)}\n${trimmed.slice(to)}`, rest: trimmed.slice(from, to) };
}

const word = /[\p{L}\p{M}\p{N}_]+/gu;

function addWords(into: Set<number>, text: string): void {
  let before = hash(seeds.word, '^');
  for (const [found] of text.matchAll(word)) {
    const shown = /^\p{N}+$/u.test(found) ? '0' : found;
    const one = hash(seeds.word, shown);
    into.add(one & mask);
    into.add((imul(before, 31) ^ one) & mask);
    before = one;
    addLetters(into, shown);
  }
}

function addLetters(into: Set<number>, shown: string): void {
  // Scripts that write no blanks have one to three signs to a word.
  const ideographs = shown.charCodeAt(0) >= 0x2e80;
  const text = ideographs ? shown : `<${shown}>`;
  const [shortest, longest] = ideographs ? [1, 3] : [3, 5];
  for (let length = shortest; length <= longest; length += 1) {
    for (let at = 0; at + length <= text.length && at < longestWord; at += 1) {
      into.add(hash(length, text, at, at + length) & mask);
    }
  }
}

type Marker = readonly [name: string, pattern: RegExp];

// Their repetitions are bounded: no text costs more than its length times those.
const codeMarkers: readonly Marker[] = [
  ['fence', /```/],
  ['braces', /[{}][^{}]{0,200}[{};]|=>|::|&&|\|\|/],
  ['call', /\w\([^()\n]{0,80}\)|\w\.\w{1,40}\(/],
  ['keyword', /\b(?:def|return|const|function|import|class|fn|func|public|SELECT|void)\b|#include/],
  ['exception', /\w(?:Error|Exception)\b/],
  ['tag', /<\/?[a-z][^<>\n]{0,80}>/],
];

const askMarkers: readonly Marker[] = [
  ['path', /(?:^|\s)[\w./-]{0,20}\/\w|\.\w{1,4}\b/],
  ['equation', /[a-z0-9)]\s*[=+*/^-]\s*[(a-z0-9]/i],
  ['power', /\^|[√∫∑π²³]|sqrt/],
  ['percent', /\d\s*(?:%|％|percent)/],
  ['quoted', /["“«„「][^"”»“」]{3,200}["”»“」]/],
  ['colon', /[:：]\s*(?:\n|$)/],
  ['inline', /[:：] *\S/],
  ['question', /[?？؟]\s*$/],
];

function addMarks(into: Set<number>, instruction: string, rest: string): void {
  const add = (text: string) => into.add(hash(seeds.mark, text) & mask);
  for (const [name, pattern] of codeMarkers) {
    if (pattern.test(instruction)) add(`${name} asked`);
    if (pattern.test(rest)) add(`${name} shown`);
  }
  for (const [name, pattern] of askMarkers) if (pattern.test(instruction)) add(name);
  add(`digits ${Math.min(4, instruction.match(/\d/g)?.length ?? 0)}`);
  add(`length ${sizeOf(instruction)}`);
  add(`rest ${sizeOf(rest)}`);
}

/** In powers of two. */
function sizeOf(text: string): number {
  return Math.ceil(Math.log2(text.length + 1));
}

function join(groups: readonly (readonly [Set<number>, number])[]): Features {
  const sum = new Map<number, number>();
  for (const [group, value] of groups) {
    for (const index of group) sum.set(index, (sum.get(index) ?? 0) + value);
  }
  return { indexes: Uint16Array.from(sum.keys()), values: Float32Array.from(sum.values()) };
}

/** FNV-1a over UTF-16 units. */
function hash(seed: number, text: string, from = 0, to = text.length): number {
  let value = 0x811c9dc5 ^ imul(seed, 0x9e3779b1);
  for (let at = from; at < to; at += 1) value = imul(value ^ text.charCodeAt(at), 0x01000193);
  // The low bits of FNV alone are poor for short texts.
  return (value ^ (value >>> 15)) >>> 0;
}
