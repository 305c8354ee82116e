import { FlotillaError } from '@flotilla/kernel';

/** Names of fields that somebody else than the client sets: a client's second one would override them. */
export class FieldNames {
  readonly names: readonly string[];
  /** Parsers read `"mod\u0065l"` as `model` too: any escape in the text takes the careful path. */
  readonly #suspicious: RegExp;

  constructor(names: readonly string[]) {
    this.names = names;
    const escaped = names.map((name) =>
      JSON.stringify(name)
        .slice(1, -1)
        .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
    );
    this.#suspicious = new RegExp(`"(?:${escaped.join('|')})"\\s*:|\\\\u`);
  }

  /** False: for certain none of them is in this JSON. */
  mayBeIn(json: string): boolean {
    return this.#suspicious.test(json);
  }
}

/** Fields that the router sets itself. */
const own = ['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens'];
export const ownFields = new FieldNames(own);
/** The router's, and these of one kind of engine. */
export const ownFieldsAnd = (...names: string[]) => new FieldNames([...own, ...names]);

/**
 * The inside of a JSON object of further body fields, to be spliced into a body as it is: it is parsed only where it
 * may hold one of the names, which is then left out.
 */
export function furtherFields(json: string, without: FieldNames = ownFields): string {
  const text = json.trim();
  if (text === '') return '';
  if (!text.startsWith('{') || !text.endsWith('}')) throw notAnObject();
  if (!without.mayBeIn(text)) return text.slice(1, -1).trim();
  const fields = parseParameters(text);
  for (const name of without.names) delete fields[name];
  return JSON.stringify(fields).slice(1, -1);
}

/** Fields that a provider's entry in the file adds to every body. */
export class FurtherFields {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly #names: FieldNames;
  readonly #inside: string;

  private constructor(fields: Readonly<Record<string, unknown>>) {
    this.fields = fields;
    this.#names = new FieldNames(Object.keys(fields));
    this.#inside = JSON.stringify(fields).slice(1, -1);
  }

  static of(fields: Readonly<Record<string, unknown>>): FurtherFields | undefined {
    return Object.keys(fields).length === 0 ? undefined : new FurtherFields(fields);
  }

  /** The inside of an object, with these fields in place of its own of the same names. */
  over(inside: string): string {
    const others = furtherFields(`{${inside}}`, this.#names);
    return others === '' ? this.#inside : `${others},${this.#inside}`;
  }
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
