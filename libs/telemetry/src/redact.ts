/** What stands in the place of a secret. */
export const redacted = '[redacted]';

/** Bounds of what one log line may hold. */
const maxDepth = 6;
const maxEntries = 50;
const maxNodes = 500;
const maxStringLength = 2_000;
const maxCauses = 5;

/** Parts of key names (lower case, `-` and `_` left out) whose values are never logged. */
const secretKey =
  /authorization|apikey|password|passwd|passphrase|secret|cookie|credential|privatekey|signature|hmackey|devkey|bearer|^key$|^auth$|^pat$/;
/** Parts of key names whose values hold what people wrote, or a secret. Their numbers are counts (`prompt_tokens: 12`) and stay. */
const textKey =
  /token|prompt|message|content|completion|transcript|passage|document|embedding|^input$|^output$|^text$|^body$|^query$|^answer$|^delta$|^chunk$/;
/** Names that only look like it. */
const plainKey =
  /^(content(type|length|encoding)|message(id|s?count)|prompt(id|version)|document(id|s?count)|token(izer|type))$/;

/** Secrets known by their shape: OpenAI-style and provider keys, authorization values, JSON web tokens, passwords in URLs, `name=value`. */
const shapes: readonly [RegExp, string][] = [
  [/(?<![A-Za-z])sk-[A-Za-z0-9_-]+|sk-[A-Za-z0-9_-]{16,}/g, redacted],
  [
    /\b(?:hf|ghp|gho|ghs|github_pat|glpat|xox[a-z])[-_][A-Za-z0-9_-]{10,}|\bAKIA[A-Z0-9]{12,}|\bAIza[\w-]{20,}/g,
    redacted,
  ],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${redacted}`],
  [/\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g, redacted],
  [/(:\/\/[^\s/:@]*):[^\s/@]+@/g, `$1:${redacted}@`],
  [
    /\b(password|passwd|secret|api[-_]?key|access[-_]?token|token)(["']?\s*[=:]\s*["']?)[^\s"'&,;]+/gi,
    `$1$2${redacted}`,
  ],
];

/** Whether any of the shapes can be in a text: most texts hold none, and one look is cheaper than six. */
const suspicion =
  /sk-|hf[-_]|gh[pos][-_]|github_pat|glpat|xox|AKIA|AIza|eyJ|:\/\/|bearer|basic|passw|secret|api[-_]?key|token/i;

/** A text with the secrets that its shape gives away replaced, all of it: for a text whose length the caller bounds. */
export function redactSecrets(text: string): string {
  let clean = text;
  if (suspicion.test(clean)) for (const [shape, replacement] of shapes) clean = clean.replace(shape, replacement);
  return clean;
}

/** A text with the secrets that its shape gives away replaced, at most 2,000 characters of it. */
export function redactText(text: string): string {
  const clean = redactSecrets(text.length > maxStringLength ? text.slice(0, 2 * maxStringLength) : text);
  return clean.length > maxStringLength ? `${clean.slice(0, maxStringLength)}… (${text.length} characters)` : clean;
}

/**
 * A copy of the value that is safe to log: plain JSON types, bounded in depth, length and number, without what its key or its
 * shape names as a secret or as a person's text. Errors become name, message, code and causes. Getters that throw are left out.
 */
export function redact(value: unknown): unknown {
  return copy(value, 0, { nodes: maxNodes });
}

interface Budget {
  nodes: number;
}

function copy(value: unknown, depth: number, budget: Budget): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return String(value);
    case 'symbol':
    case 'function':
      return undefined;
    case 'object':
      return value === null ? null : copyObject(value, depth, budget);
  }
}

function copyObject(value: object, depth: number, budget: Budget): unknown {
  budget.nodes -= 1;
  if (budget.nodes <= 0 || depth >= maxDepth) return '[…]';
  if (isError(value)) return copyError(value, depth, budget);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return copyEntries([...value].slice(0, maxEntries + 1), depth, budget);
  if (value instanceof Set) return copyArray([...value], depth, budget);
  if (Array.isArray(value)) return copyArray(value, depth, budget);
  if (value instanceof URL) return redactText(value.href);
  return copyEntries(readEntries(value), depth, budget);
}

function copyArray(items: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const copied = items.slice(0, maxEntries).map((item, index) => {
    // Header lists come as name, value, name, value or as pairs.
    const before = index > 0 ? items[index - 1] : undefined;
    return typeof before === 'string' && hides(judge(before), item) ? redacted : copy(item, depth + 1, budget);
  });
  if (items.length > maxEntries) copied.push(`… (${items.length} items)`);
  return copied;
}

function readEntries(value: object): [unknown, unknown][] {
  const entries: [unknown, unknown][] = [];
  for (const key of Object.keys(value)) {
    if (entries.length > maxEntries) break;
    try {
      entries.push([key, (value as Record<string, unknown>)[key]]);
    } catch {
      entries.push([key, '[unreadable]']);
    }
  }
  return entries;
}

function copyEntries(entries: [unknown, unknown][], depth: number, budget: Budget): Record<string, unknown> {
  const copied: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries.slice(0, maxEntries)) {
    const name = judge(typeof key === 'string' ? key : typeof key);
    copied[name.shown] = hides(name, value) ? redacted : copy(value, depth + 1, budget);
  }
  if (entries.length > maxEntries) copied['…'] = 'more fields left out';
  return copied;
}

interface KeyName {
  /** As it is shown. */
  readonly shown: string;
  readonly holds: 'secret' | 'text' | 'short text' | 'plain';
}

/** Names of keys that were judged; code has few, so what goes beyond the bound comes from outside and is judged each time. */
const keyNames = new Map<string, KeyName>();
const maxKeyNames = 1_000;

function judge(key: string): KeyName {
  const known = keyNames.get(key);
  if (known) return known;
  const name = key.replaceAll(/[-_\s.]/g, '').toLowerCase();
  const isText = textKey.test(name);
  const holds = secretKey.test(name) ? 'secret' : !isText ? 'plain' : plainKey.test(name) ? 'short text' : 'text';
  const judged: KeyName = { shown: redactText(key).slice(0, 200), holds };
  if (keyNames.size < maxKeyNames && key.length <= 100) keyNames.set(key, judged);
  return judged;
}

function hides({ holds }: KeyName, value: unknown): boolean {
  if (holds === 'plain' || value === undefined || value === null) return false;
  if (holds === 'secret') return true;
  if (typeof value === 'number' || typeof value === 'boolean') return false;
  return holds === 'text' || !isShort(value);
}

/** `token_type: "bearer"`, `content-type: "text/plain"`: no room for more than a name. */
function isShort(value: unknown): boolean {
  return typeof value === 'string' ? value.length <= 64 : typeof value !== 'object';
}

function isError(value: object): value is Error & { code?: unknown } {
  return 'message' in value && 'stack' in value && 'name' in value;
}

function copyError(error: Error & { code?: unknown }, depth: number, budget: Budget): Record<string, unknown> {
  const copied: Record<string, unknown> = {
    name: redactText(String(error.name)),
    message: redactText(String(error.message)),
  };
  if (typeof error.code === 'string' || typeof error.code === 'number')
    copied['code'] = copy(error.code, depth, budget);
  if (error.cause !== undefined && depth < maxCauses) copied['cause'] = copy(error.cause, depth + 1, budget);
  return copied;
}
