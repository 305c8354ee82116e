import { canonicalJson } from '@flotilla/kernel';
import { parseParameters } from '../providers/parameters.ts';

/** Sixteen digits in a row may be a number that JavaScript would round: then two seeds could become one. */
const LONG_NUMBER = /\d{16}/;

/** Of no effect on the answer: who asks, how it is billed and where it is noted. */
const aside = new Set([
  'user',
  'metadata',
  'store',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'priority',
]);

/** A JSON object of parameters as text that does not depend on the order of its fields. Undefined: it is not an object. */
export function canonicalParameters(json: string): string | undefined {
  const fields = parseObject(json);
  if (!fields) return undefined;
  if (LONG_NUMBER.test(json)) return json;
  return canonicalJson(Object.fromEntries(Object.entries(fields).filter(([name]) => !aside.has(name))));
}

export function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    return parseParameters(json);
  } catch {
    return undefined;
  }
}
