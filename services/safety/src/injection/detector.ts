import type { Detector, RuleInfo } from '../rule-pack.ts';
import { isMention, isNegated } from './mention.ts';
import { readings } from './normalise.ts';
import { matchPhrase, type Steps } from './phrase.ts';
import { patterns, phrases, smuggling, UNSPACED_SCRIPT } from './phrases.ts';
import { readWords } from './words.ts';

const NOTHING: readonly RuleInfo[] = Object.freeze([]);

/** The parts that any phrase begins with. */
const firsts = phrases.reduce((all, { first }) => ({ low: all.low | first.low, high: all.high | first.high }), {
  low: 0,
  high: 0,
});

const firstLow = Int32Array.from(phrases, ({ first }) => first.low);
const firstHigh = Int32Array.from(phrases, ({ first }) => first.high);

/** Every rule begins with a known word, so known words are all that is looked at. */
function scanPhrases(text: string, found: Set<RuleInfo>, steps: Steps): void {
  const words = readWords(text);
  for (let at = 0; at < words.known; at += 1) {
    steps.count += 1;
    if (((words.low[at]! & firsts.low) | (words.high[at]! & firsts.high)) === 0) continue;
    for (let index = 0; index < phrases.length; index += 1) {
      if (((words.low[at]! & firstLow[index]!) | (words.high[at]! & firstHigh[index]!)) === 0) continue;
      steps.count += 1;
      const phrase = phrases[index]!;
      if (found.has(phrase.rule) || matchPhrase(words, at, phrase, steps) < 0) continue;
      const start = words.start[at]!;
      if (!isNegated(text, start) && !isMention(text, start)) found.add(phrase.rule);
    }
  }
}

function scanPatterns(text: string, found: Set<RuleInfo>): void {
  const unspaced = UNSPACED_SCRIPT.test(text);
  const template = text.includes('<|') || text.includes('<<');
  if (!unspaced && !template) return;
  for (const { rule, pattern } of patterns) {
    if (found.has(rule) || (rule === smuggling ? !template : !unspaced)) continue;
    const match = pattern.exec(text);
    if (match && !isMention(text, match.index)) found.add(rule);
  }
}

/** The rules a text breaks, in any of its readings. `steps` counts the comparisons, for tests. */
export function findInjections(text: string, steps: Steps = { count: 0 }): readonly RuleInfo[] {
  let found: Set<RuleInfo> | undefined;
  for (const reading of readings(text)) {
    scanPhrases(reading, (found ??= new Set()), steps);
    scanPatterns(reading, found);
  }
  return found && found.size > 0 ? [...found] : NOTHING;
}

export const injectionDetector: Detector = { detect: (text) => findInjections(text) };
