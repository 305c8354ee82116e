import { hash32 } from './tokenizer.ts';
import { isStopWord, stem, words } from './words.ts';

/** The length of a vector, that of all-MiniLM-L6-v2, the small model most people begin with. */
export const embeddingDimensions = 384;

/** What a feature of each kind weighs. Stop words nearly nothing: they are shared by texts that share no subject. */
const weights = { word: 1, stopWord: 0.08, pair: 0.35, trigram: 0.22 };

/**
 * A deterministic vector of unit length: stems, pairs of stems and character trigrams, hashed with a sign into the
 * dimensions (Weinberger et al., feature hashing, 2009), dampened by the root of how often each occurs. Texts that share
 * words are near; inflections are, by trigrams.
 */
export function embed(text: string, dimensions = embeddingDimensions): Float32Array {
  const vector = new Float32Array(dimensions);
  const features = featuresOf(text);
  if (features.size === 0) features.set(`x:${text}`, { weight: 1, count: 1 });
  for (const [feature, { weight, count }] of features) {
    // Two places a feature: a collision of one of them then hides only half of it.
    for (const copy of ['0', '1']) {
      const hash = hash32(copy + feature);
      vector[(hash >>> 1) % dimensions]! += (hash & 1 ? 1 : -1) * weight * Math.sqrt(count);
    }
  }
  let square = 0;
  for (const value of vector) square += value * value;
  const scale = 1 / (Math.sqrt(square) || 1);
  for (let i = 0; i < dimensions; i += 1) vector[i]! *= scale;
  return vector;
}

function featuresOf(text: string): Map<string, { weight: number; count: number }> {
  const features = new Map<string, { weight: number; count: number }>();
  const add = (name: string, weight: number) => {
    const feature = features.get(name);
    if (feature) feature.count += 1;
    else features.set(name, { weight, count: 1 });
  };
  let previous = '';
  for (const word of words(text)) {
    if (isStopWord(word)) {
      add(`s:${word}`, weights.stopWord);
      continue;
    }
    const base = stem(word);
    add(`w:${base}`, weights.word);
    if (previous) add(`p:${previous} ${base}`, weights.pair);
    previous = base;
    const framed = `^${base}$`;
    for (let i = 0; i + 3 <= framed.length; i += 1) add(`t:${framed.slice(i, i + 3)}`, weights.trigram);
  }
  return features;
}
