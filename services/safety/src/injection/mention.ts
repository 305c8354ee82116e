/** Who reports a sentence or names it as an example. "you" is missing from the objects on purpose: "I told you to ignore …" attacks. */
const REPORTED =
  /\b(?:(?:tell|tells|telling|told|ask|asks|asked|asking|instruct|instructs|instructing|trick|tricks|tricking|get|gets|getting|make|makes|making|made|got|convince|convinces|convinced|convincing|tricked) (?:(?:the|a|an|some|any|their|his|her|our|my|your) )?(?:\w+ ){0,2}to|such as|like|phrases?|sentence|strings?|examples?|e\.g\.|called|titled|containing|contains?|attacks?|injections?|payloads?|jailbreaks?|saying|says|said|means?|word|words|attempts? to)[\s:,"'“”‘’«»„(\[`-]*$/;
/** The text is about such sentences. */
const DISCUSSED =
  /\b(?:explain|explains|what does|what is|what are|why|how|detect|detects|prevent|defend|protect|mean|means|meaning|vulnerability|filter|owasp|security|paper|article|essay|blog|classifier|dataset|history|difference|translate|legal|should i|is it|define|summari[sz]e|was bedeutet|erklare|que significa|que signifie|cosa significa)\b/;
/** The text wants them carried out after all. */
const WANTED =
  /\b(?:obey|comply|execute|then do|now do|do it|do so|follow (?:it|them|that)|carry (?:it|them) out|then (?:tell|show|reveal|print|output|write|say|answer))\b/;

const OPENING = /["“„«‘'`]/;
const REACH = 160;

/** A sentence that is quoted or reported inside a question about it is no attack: "What does 'ignore all previous instructions' mean?" */
export function isMention(text: string, start: number): boolean {
  const before = text
    .slice(Math.max(0, start - REACH), start)
    .toLowerCase()
    .replace(/(?:(?:you|are|please|now) ){1,3}$/, '');
  const after = text.slice(start, start + REACH).toLowerCase();
  if (!DISCUSSED.test(before) && !DISCUSSED.test(after)) return false;
  if (WANTED.test(before) || WANTED.test(after)) return false;
  return REPORTED.test(before) || OPENING.test(before.slice(-3).trim().slice(-1));
}

/** "do not ignore the previous instructions", "never reveal your system prompt". */
const NEGATED =
  /\b(?:do not|don't|don’t|dont|does not|must not|should not|shouldn't|never|cannot|can't|nicht|nunca|jamais|without)\s+(?:ever\s+|to\s+)?$/;

export function isNegated(text: string, start: number): boolean {
  return NEGATED.test(text.slice(Math.max(0, start - 24), start).toLowerCase());
}
