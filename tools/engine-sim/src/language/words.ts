const stopWords = new Set(
  (
    'a about all am an and any are as at be been being but by can could did do does doing for from had has have having he her ' +
    'here him his how i if in into is it its just let me my no not of on or our out over please say she should so some tell than ' +
    'that the their them then there these they this those to too under up us was we were what when where which while who whom ' +
    'why will with would you your according many much get give know much explain describe'
  ).split(' '),
);

/** The words of a text in lower case. */
export function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:'\p{L}+)?/gu) ?? [];
}

export const isStopWord = (word: string) => stopWords.has(word);

/** A word without its commonest English endings, so that `policies` meets `policy` and `expenses` meets `expense`. */
export function stem(word: string): string {
  let base = word.replace(/'.*$/, '');
  if (base.length > 4 && base.endsWith('ies')) return `${base.slice(0, -3)}i`;
  for (const ending of ['ing', 'ed', 'es', 's']) {
    if (base.length - ending.length < 3 || !base.endsWith(ending) || base.endsWith('ss')) continue;
    base = base.slice(0, -ending.length);
    break;
  }
  if (base.length > 3 && base.endsWith('e')) base = base.slice(0, -1);
  return base.length > 3 && base.endsWith('y') ? `${base.slice(0, -1)}i` : base;
}

/** The distinct stems of what a text is about: stop words dropped. */
export function contentStems(text: string): Set<string> {
  const stems = new Set<string>();
  for (const word of words(text)) if (!stopWords.has(word)) stems.add(stem(word));
  return stems;
}
