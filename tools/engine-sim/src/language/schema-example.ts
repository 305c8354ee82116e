/** What a value can be made of: the question, what is named in it, and an answer for free text. */
export class Hints {
  readonly question: string;
  readonly answer: string;
  private readonly numbers: number[];

  constructor(question: string, answer: string) {
    this.question = question;
    this.answer = answer;
    this.numbers = (question.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
  }

  /** The numbers of the question, one after the other. */
  nextNumber(): number | undefined {
    return this.numbers.shift();
  }

  /** A string for a property of this name. */
  string(name: string): string {
    if (/expression|formula/i.test(name)) {
      const expression = /[-(\d][-\d\s.+*/^()%]*\d\)*/.exec(this.question)?.[0].trim();
      if (expression) return expression;
    }
    const quoted = /["“'«]([^"”'»]{1,200})["”'»]/.exec(this.question)?.[1];
    if (quoted) return quoted;
    if (/quer|question|prompt|search|input|text|topic|term/i.test(name)) return this.question;
    const named = /\b(?:in|for|at|of|from|to|named|called) ((?:\p{Lu}[\p{L}'-]*)(?: \p{Lu}[\p{L}'-]*)*)/u.exec(
      this.question,
    );
    const capitals = named ?? /(?<=\s)((?:\p{Lu}[\p{L}'-]+)(?: \p{Lu}[\p{L}'-]+)*)/u.exec(this.question);
    return capitals?.[1] ?? this.answer;
  }
}

type Schema = Record<string, unknown>;

/** Schemas that refer to themselves are followed this deep; optional properties only as far as the second. */
const maxDepth = 12;

/**
 * A value that satisfies a JSON schema, of what the question names: types, enum, const, required, bounds, formats,
 * references, any/one/all of. `pattern` is not followed.
 */
export function exampleOf(schema: unknown, hints: Hints): unknown {
  return example(schema, 'value', hints, asSchema(schema), 0);
}

function example(given: unknown, name: string, hints: Hints, root: Schema, depth: number): unknown {
  const schema = resolve(asSchema(given), root);
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum'])) return pick(schema['enum'], hints.question);
  if ('default' in schema) return schema['default'];
  switch (typeOf(schema)) {
    case 'object':
      return exampleObject(schema, hints, root, depth);
    case 'array':
      return exampleArray(schema, name, hints, root, depth);
    case 'integer':
      return exampleNumber(schema, hints, true);
    case 'number':
      return exampleNumber(schema, hints, false);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return exampleString(schema, name, hints);
  }
}

function exampleObject(schema: Schema, hints: Hints, root: Schema, depth: number): Schema {
  const properties = asSchema(schema['properties']);
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const names = required.length > 0 || depth > 1 ? required : Object.keys(properties);
  const value: Schema = {};
  if (depth >= maxDepth) return value;
  for (const name of names) value[name] = example(properties[name], name, hints, root, depth + 1);
  return value;
}

function exampleArray(schema: Schema, name: string, hints: Hints, root: Schema, depth: number): unknown[] {
  if (Array.isArray(schema['prefixItems'])) {
    return schema['prefixItems'].map((item) => example(item, name, hints, root, depth + 1));
  }
  const least = Number(schema['minItems'] ?? 0);
  const length = depth >= maxDepth ? least : Math.max(least, schema['maxItems'] === 0 ? 0 : 1);
  return Array.from({ length: Math.min(length, 100) }, () => example(schema['items'], name, hints, root, depth + 1));
}

function exampleNumber(schema: Schema, hints: Hints, whole: boolean): number {
  const step = Number(schema['multipleOf'] ?? (whole ? 1 : 0));
  const nudge = whole ? 1 : 1e-6;
  const low = Math.max(
    Number(schema['minimum'] ?? -Infinity),
    'exclusiveMinimum' in schema ? Number(schema['exclusiveMinimum']) + nudge : -Infinity,
  );
  const high = Math.min(
    Number(schema['maximum'] ?? Infinity),
    'exclusiveMaximum' in schema ? Number(schema['exclusiveMaximum']) - nudge : Infinity,
  );
  const value = Math.min(high, Math.max(low, hints.nextNumber() ?? 1));
  if (step === 0) return value;
  const up = Math.ceil(value / step) * step;
  return up <= high ? up : Math.floor(high / step) * step;
}

/** Values of formats that nothing in a question gives. */
const formats: Record<string, string> = {
  date: '2026-01-31',
  time: '12:00:00Z',
  'date-time': '2026-01-31T12:00:00Z',
  duration: 'P1D',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
};

function exampleString(schema: Schema, name: string, hints: Hints): string {
  const format = formats[String(schema['format'])];
  if (format !== undefined) return format;
  const least = Number(schema['minLength'] ?? 0);
  const text = hints.string(name).padEnd(least, '.');
  return text.slice(0, Number(schema['maxLength'] ?? text.length));
}

/** The value whose own words the question holds, else the first. */
function pick(values: readonly unknown[], question: string): unknown {
  const asked = question.toLowerCase();
  return values.find((value) => typeof value === 'string' && asked.includes(value.toLowerCase())) ?? values[0];
}

function typeOf(schema: Schema): unknown {
  const { type } = schema;
  if (Array.isArray(type)) return type.find((one) => one !== 'null') ?? 'null';
  if (type !== undefined) return type;
  if ('properties' in schema) return 'object';
  return 'items' in schema || 'prefixItems' in schema ? 'array' : 'string';
}

function resolve(schema: Schema, root: Schema): Schema {
  let at = schema;
  for (let hops = 0; hops < maxDepth; hops += 1) {
    const choices = at['anyOf'] ?? at['oneOf'];
    if (typeof at['$ref'] === 'string') at = follow(at['$ref'], root);
    else if (Array.isArray(choices))
      at = asSchema(choices.find((one) => asSchema(one)['type'] !== 'null') ?? choices[0]);
    else if (Array.isArray(at['allOf']))
      at = merge(
        at,
        at['allOf'].map((part) => resolve(asSchema(part), root)),
      );
    else return at;
  }
  return at;
}

function merge({ allOf: _, ...own }: Schema, parts: readonly Schema[]): Schema {
  const merged: Schema = { ...own };
  for (const part of parts) {
    const properties = { ...asSchema(merged['properties']), ...asSchema(part['properties']) };
    const required = [...((merged['required'] as string[]) ?? []), ...((part['required'] as string[]) ?? [])];
    Object.assign(merged, part);
    if (Object.keys(properties).length > 0) Object.assign(merged, { properties, required });
  }
  return merged;
}

function follow(reference: string, root: Schema): Schema {
  let at: unknown = root;
  for (const part of reference.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    at = asSchema(at)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return asSchema(at);
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}
