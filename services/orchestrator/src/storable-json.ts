/** JSON that PostgreSQL's jsonb takes: it refuses U+0000 and halves of surrogate pairs, which models do write. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!SUSPECT.test(json)) return json;
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storableText(part) : part));
}

/** May also be text that only looks like an escape: then cleaning changes nothing. */
const SUSPECT = /\\u(?:0000|d[89a-f])/;

/** Text that PostgreSQL takes. */
export function storableText(text: string): string {
  return UNSTORABLE.test(text) ? text.replaceAll('\u0000', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd') : text;
}

const UNSTORABLE = /\u0000|\p{Surrogate}/u;
