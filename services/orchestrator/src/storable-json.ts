/** JSON that PostgreSQL's jsonb takes: it refuses U+0000 and halves of surrogate pairs, which models do write. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return SUSPECT.test(json)
    ? JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? clean(part) : part))
    : json;
}

/** May also be text that only looks like an escape: then cleaning changes nothing. */
const SUSPECT = /\\u(?:0000|d[89a-f])/;

function clean(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');
}
