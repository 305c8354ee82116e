/** Characters looked at. */
const looked = 600;
/** Words of the language that a guess takes at least, and a script's share of the letters. */
const leastWords = 1;
const leastShare = 0.3;

const scripts: readonly (readonly [language: string, script: RegExp])[] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['ru', /\p{Script=Cyrillic}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['th', /\p{Script=Thai}/gu],
];

/** Words that hardly a sentence goes without. */
const words: Readonly<Record<string, string>> = {
  en: 'the and is are of to what how in for with this that you write a my i',
  de: 'der die das und ist ein eine wie was mit für den nicht ich auf zu bitte mir schreibe dem im',
  fr: 'le la les et est un une des du que quoi comment pour dans avec je ne pas quelle quel sur',
  es: 'el la los las y es un una que qué cómo para con por cuál del en mi este lo',
  it: 'il lo gli e è un una che come per con di del della qual questo mi si sono',
  pt: 'o os as e é um uma que como para com por qual do da em meu este não são',
  nl: 'de het een en is hoe wat met voor van niet ik op te mijn welke dit schrijf',
  pl: 'i w z na jest się jak co to dla nie czy do jaka napisz mi oraz że',
  sv: 'och är en ett hur vad med för av inte jag på att den det skriv',
  tr: 've bir bu ne nasıl için ile mi mı da de var yaz neresi kaç',
};

const byWord = new Map<string, string[]>();
for (const [language, list] of Object.entries(words)) {
  for (const word of list.split(' ')) byWord.set(word, [...(byWord.get(word) ?? []), language]);
}

/** The language a text is likely in, as two letters; empty: there is no telling. */
export function languageOf(text: string): string {
  const head = text.slice(0, looked);
  const letters = head.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return '';
  for (const [language, script] of scripts) {
    if ((head.match(script)?.length ?? 0) >= leastShare * letters) return language;
  }
  const counts = new Map<string, number>();
  for (const [word] of head.toLowerCase().matchAll(/\p{L}+/gu)) {
    for (const language of byWord.get(word) ?? []) counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  const [best, second] = [...counts].sort((a, b) => b[1] - a[1]);
  if (!best || best[1] < leastWords || best[1] === second?.[1]) return '';
  return best[0];
}
