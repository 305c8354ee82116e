import { FlotillaError } from '@flotilla/kernel';

/** Fields that the router sets itself: a client's second one would override them. */
const own = ['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens'];
/** Parsers read `"mod\u0065l"` as `model` too: any escape in the text takes the careful path. */
const suspicious = new RegExp(`"(?:${own.join('|')})"\\s*:|\\\\u`);

/**
 * The inside of a JSON object of further body fields, to be spliced into a body as it is: it is parsed only where it
 * may hold a field of the router's own, which is then left out.
 */
export function furtherFields(json: string): string {
  const text = json.trim();
  if (text === '') return '';
  if (!text.startsWith('{') || !text.endsWith('}')) throw notAnObject();
  if (!suspicious.test(text)) return text.slice(1, -1).trim();
  const fields = parseParameters(text);
  for (const name of own) delete fields[name];
  return JSON.stringify(fields).slice(1, -1);
}

export function parseParameters(json: string): Record<string, unknown> {
  if (json.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw notAnObject(cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject();
  return value as Record<string, unknown>;
}

function notAnObject(cause?: unknown): FlotillaError {
  return new FlotillaError('invalid_request', 'The parameters are not a JSON object.', { cause });
}
