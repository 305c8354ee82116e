import { FlotillaError } from '@flotilla/kernel';

/** A field of the body that is wrong: the message says what is, and what it should be; `param` is its path. */
export function invalid(param: string, message: string): FlotillaError {
  return new FlotillaError('invalid_request', message, { details: { param } });
}

/** What a JSON value is, in a reader's words. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'undefined') return 'nothing';
  return Number.isInteger(value) ? 'an integer' : `a ${typeof value}`;
}

export function wrongType(param: string, expected: string, value: unknown): FlotillaError {
  return invalid(param, `Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`);
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deeper than any schema a person writes; every service after this one walks the same value with a stack. */
const deepest = 64;

/** Throws when a value nests deeper than the services behind this one should have to follow. */
export function checkDepth(value: unknown, param: string, left: number = deepest): void {
  if (typeof value !== 'object' || value === null) return;
  if (left === 0) throw invalid(param, `'${param}' nests deeper than ${deepest} levels.`);
  if (Array.isArray(value)) for (const item of value) checkDepth(item, param, left - 1);
  else for (const name in value) checkDepth((value as JsonObject)[name], param, left - 1);
}
